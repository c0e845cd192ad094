"""A web origin as browsers write it in ``Origin`` (RFC 6454, section 6.2).

It is a scheme, a host, and a port if that is not the scheme's own. Origins are compared as text. So
what a browser would never send is refused, since it would match nothing: a path or a ``/`` at the
end, capitals, the port that the scheme has anyway. ``*`` is refused too, since it would let every
page in, and so is ``null``, which is what any page of a sandbox calls itself.
"""

from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


def check_origin(text: str) -> str:
    """Return the origin, if it is one.

    Raises:
        ValueError: it is not; the error shows what an origin looks like.

    """
    if text != _written_by_a_browser(text):
        raise ValueError(f"{text!r} is not an origin such as https://shop.example or http://localhost:5173")
    return text


def _written_by_a_browser(text: str) -> str | None:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in DEFAULT_PORTS or not host or not host.isascii() or not _is_host(host):
        return None
    host = f"[{host}]" if ":" in host else host
    odd = "" if port is None or port == DEFAULT_PORTS[parts.scheme] else f":{port}"
    return f"{parts.scheme}://{host}{odd}"


def _is_host(host: str) -> bool:
    return all(character.isalnum() or character in "-.:_" for character in host)
