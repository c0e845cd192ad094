"""A web origin as browsers write it in ``Origin`` (RFC 6454, section 6.2): scheme, host, and an odd port.

Origins are compared as text. So what a browser would never send is refused, since it would match nothing: a
path or a ``/`` at the end, capitals, the port that the scheme has anyway. So is ``*``, which would let every
page in, and ``null``, which is what any page of a sandbox calls itself.
"""

from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


def check_origin(text: str) -> str:
    """The origin, if it is one.

    Raises:
        ValueError: it is not, and what one looks like.

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
