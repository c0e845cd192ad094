"""The caller that an audit entry names: a verified token's bearer, or a command line's user.

Nobody types either of the two names. A token names its subject. A command line runs under the
effective user id of its process; ``LOGNAME`` and ``SUDO_USER`` are variables that anybody can set.
If a user has become another one by ``sudo`` or ``su``, the kernel knows which user logged in. A
process without privileges cannot change that.
"""

import os
import pwd
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bus.messages.principal import Principal

LOGIN_UID = Path("/proc/self/loginuid")
NOBODY_LOGGED_IN = 2**32 - 1


class Through(StrEnum):
    """The way by which a caller acts."""

    HTTP = "http"
    COMMAND_LINE = "command line"


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller that acts; ``name`` is for people, such as ``ops:alice`` or ``root@host``."""

    name: str
    through: Through
    identity: Mapping[str, str | None]
    """A token's ``role``, ``subject``, ``issuer``; or ``system_user``, ``login_user``, ``host``."""
    address: str | None = None
    """The IP address that a request came from."""


def over_http(principal: Principal, address: str | None) -> Caller:
    """Return the bearer of a verified token."""
    identity = {"role": principal.role.value, "subject": principal.subject, "issuer": principal.issuer}
    return Caller(str(principal), Through.HTTP, identity, address)


def of_this_process() -> Caller:
    """Return the user that this process runs as."""
    user, login, host = _user_name(os.geteuid()), _login_user(), socket.gethostname()
    name = f"{user}@{host}" if login in {None, user} else f"{user}@{host} (logged in as {login})"
    return Caller(name, Through.COMMAND_LINE, {"system_user": user, "login_user": login, "host": host})


def _login_user() -> str | None:
    try:
        uid = int(LOGIN_UID.read_text())
    except (OSError, ValueError):  # a kernel without it
        return None
    return None if uid == NOBODY_LOGGED_IN else _user_name(uid)


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # a container's user may have no name
        return f"uid {uid}"
