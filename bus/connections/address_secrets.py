"""Keeps passwords out of messages about an address."""

import re
from collections.abc import Iterator
from urllib.parse import unquote_plus

_UNSAID = "cannot be read; percent-encode user name, password and option values (@ is %40, / is %2F)"
_BETWEEN = re.compile(r"[:/@?&=,#]+")
_PASSWORD_OPTION = re.compile(r"password=([^&]*)", re.IGNORECASE)


def without_secrets(address: str, message: str) -> str:
    """Return ``message``, or one that quotes nothing if ``message`` quotes a part of a password.

    In a malformed address nobody knows where the password ends. So every part between the first
    ``:`` and the last ``@`` counts as one.
    """
    quoted = (re.search(rf"(?<!\w){re.escape(part)}(?!\w)", message) for part in _secrets(address))
    return _UNSAID if any(quoted) else message


def without_credentials(address: str) -> str:
    """Return the part of a valid address that may be shown: no user, no password and no options."""
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"


def _secrets(address: str) -> Iterator[str]:
    _, _, rest = address.partition("://")
    named, _, _ = rest.rpartition("@")
    _, _, password = named.partition(":")
    for part in (*_BETWEEN.split(password), password, *_PASSWORD_OPTION.findall(rest)):
        if part:
            yield part
            yield unquote_plus(part)
