"""The TLS options of ``REDIS_URL``: redis-py's own names, and their files tried at start.

redis-py reads the files at every connect. So the next connection uses a certificate that was
renewed in place. A missing one would only be found then.
"""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TLS_OPTIONS = (
    *("ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile", "ssl_password"),
    *("ssl_cert_reqs", "ssl_check_hostname"),
)
_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_REQUIREMENTS = ("required", "optional", "none")
_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def check_tls(options: Mapping[str, str]) -> dict[str, Any]:
    """Return the options as redis-py takes them, after loading the files once as redis-py will.

    Raises:
        ValueError: an option is wrong; the message names it.

    """
    for name in _FILES:
        if name in options:
            _read(name, options[name])
    if "ssl_ca_path" in options and not Path(options["ssl_ca_path"]).is_dir():
        raise ValueError(f"ssl_ca_path: {options['ssl_ca_path']} is not a folder")
    if "ssl_keyfile" in options and "ssl_certfile" not in options:
        raise ValueError("ssl_keyfile: needs the certificate as ssl_certfile")
    if options.get("ssl_cert_reqs", "required") not in _REQUIREMENTS:
        raise ValueError(f"ssl_cert_reqs: must be one of {', '.join(_REQUIREMENTS)}")
    found: dict[str, Any] = dict(options)
    if "ssl_check_hostname" in options:
        told = options["ssl_check_hostname"].lower()
        if told not in _TRUTH:
            raise ValueError("ssl_check_hostname: must be true or false")
        found["ssl_check_hostname"] = _TRUTH[told]
    _load(options)
    return found


def _read(name: str, path: str) -> None:
    try:
        Path(path).read_bytes()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a path"
        raise ValueError(f"{name}: {path} cannot be read: {why}") from None


def _load(options: Mapping[str, str]) -> None:
    context = ssl.create_default_context()
    if "ssl_ca_certs" in options or "ssl_ca_path" in options:
        try:
            context.load_verify_locations(options.get("ssl_ca_certs"), options.get("ssl_ca_path"))
        except OSError as error:
            raise ValueError(f"ssl_ca_certs: holds no certificate: {_reason(error)}") from None
    if "ssl_certfile" in options:
        try:  # an empty password, since OpenSSL asks a terminal for one that is not given
            context.load_cert_chain(
                options["ssl_certfile"], options.get("ssl_keyfile"), options.get("ssl_password", "")
            )
        except OSError as error:
            raise ValueError(
                f"ssl_certfile, ssl_keyfile or ssl_password: not a certificate with its key: {_reason(error)}"
            ) from None


def _reason(error: OSError) -> str:
    return (isinstance(error, ssl.SSLError) and error.reason) or type(error).__name__
