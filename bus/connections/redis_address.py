"""``REDIS_URL``: one server, a socket, or sentinels that know which server is the primary.

::

    redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]
    redis+sentinel://[[USER]:PASSWORD@]HOST[:PORT][,HOST[:PORT]...]/NAME[/DATABASE]
    unix://[[USER]:PASSWORD@]/PATH[?db=DATABASE]

``rediss`` in the place of ``redis`` is TLS, for the sentinels as well. Options follow as a query.
redis-py takes whatever a URL says and fails when it first connects. So the URL is parsed here,
strictly, and the files that it names are tried. A message quotes the names of known options and of
files, and never what may be a password.
"""

import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from bus.connections.redis_tls import TLS_OPTIONS, check_tls

REDIS_PORT = 6379
SENTINEL_PORT = 26379
_SCHEMES = ("redis", "rediss", "redis+sentinel", "rediss+sentinel", "unix")
_OPTIONS = ("db", "username", "password", "client_name")
_SENTINEL_OPTIONS = ("sentinel_username", "sentinel_password")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::(\d{1,5}))?")
_CLIENT_NAME = re.compile(r"[!-~]+")
_HIGHEST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """The address of Redis, and the user and password to use there."""

    servers: tuple[tuple[str, int], ...] = ()
    """Host and port of the one server, or of each sentinel; empty for a socket."""
    primary: str | None = None
    """The name under which the sentinels watch the primary."""
    socket: str | None = None
    """The path of a Unix socket."""
    credentials: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """redis-py's ``db``, ``username``, ``password`` and ``client_name``."""
    sentinel_credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls: Mapping[str, Any] | None = field(default=None, repr=False)
    """redis-py's ``ssl_…``; ``None`` without TLS."""

    @classmethod
    def parse(cls, url: str) -> "RedisAddress":
        """Read a URL and try the files that it names.

        Raises:
            ValueError: the URL or a file is wrong; the message says how, without a password.

        """
        scheme, there, rest = url.partition("://")
        if not there or scheme not in _SCHEMES:
            raise ValueError(f"must begin with one of {', '.join(f'{known}://' for known in _SCHEMES)}")
        try:
            parts = urlsplit(f"//{rest}")
        except ValueError:
            raise ValueError("is malformed: percent-encode user name and password") from None
        if parts.fragment or "@" in parts.path or "@" in parts.query:
            raise ValueError("has @ or # after the host: percent-encode user name, password and options")
        sentinels, tls = scheme.endswith("+sentinel"), scheme.startswith("rediss")
        options = _options(parts.query, sentinels=sentinels, tls=tls)
        named, _, hosts = parts.netloc.rpartition("@")
        path = unquote(parts.path)
        socket = _socket(path, hosts) if scheme == "unix" else None
        servers = () if socket else _servers(hosts, SENTINEL_PORT if sentinels else REDIS_PORT)
        if len(servers) > 1 and not sentinels:
            raise ValueError("names several hosts: only sentinels may be several, as redis+sentinel://")
        primary, database = _named_in(path, sentinels=sentinels) if servers else (None, "")
        if database and "db" in options:
            raise ValueError("names the database twice: in the path and as db")
        return cls(
            servers,
            primary,
            socket,
            credentials={
                **_user(named, options),
                **_among(options, ("username", "password", "client_name")),
                "db": _database(database or options.get("db", "0")),
            },
            sentinel_credentials={
                name.removeprefix("sentinel_"): value
                for name, value in _among(options, _SENTINEL_OPTIONS).items()
            },
            tls=check_tls(_among(options, TLS_OPTIONS)) if tls else None,
        )


def _among(options: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    return {name: options[name] for name in names if name in options}


def _options(query: str, *, sentinels: bool, tls: bool) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True) if query else []
    except ValueError:
        raise ValueError("options must be name=value pairs, joined by &") from None
    known = (*_OPTIONS, *TLS_OPTIONS, *_SENTINEL_OPTIONS)
    given: dict[str, str] = {}
    for name, value in pairs:
        if name not in known:
            raise ValueError(f"has an option that is not one of {', '.join(known)}")
        if name in given or not value:
            raise ValueError(f"{name}: must have one value")
        if name in TLS_OPTIONS and not tls:
            raise ValueError(f"{name}: needs TLS, which rediss:// and rediss+sentinel:// ask for")
        if name in _SENTINEL_OPTIONS and not sentinels:
            raise ValueError(f"{name}: is for redis+sentinel:// and rediss+sentinel:// alone")
        given[name] = value
    if not _CLIENT_NAME.fullmatch(given.get("client_name", "-")):
        raise ValueError("client_name: must be printable ASCII without spaces")
    for side in ("", "sentinel_"):
        if f"{side}username" in given and f"{side}password" not in given:
            raise ValueError(f"{side}username: needs a {side}password")
    return given


def _user(named: str, options: Mapping[str, str]) -> dict[str, str]:
    if not named:
        return {}
    if "username" in options or "password" in options:
        raise ValueError("names user or password twice: before the host and among the options")
    user, _, password = named.partition(":")
    if not password:
        raise ValueError("has a user name without a password; a password alone is written :PASSWORD@")
    found = {"password": unquote(password)}
    return found | {"username": unquote(user)} if user else found


def _servers(hosts: str, default_port: int) -> tuple[tuple[str, int], ...]:
    found = []
    for host in hosts.split(","):
        match = _HOST.fullmatch(host)
        if match is None:
            raise ValueError("needs HOST or HOST:PORT (an IPv6 address in brackets) where the host stands")
        port = default_port if match[2] is None else int(match[2])
        if not 0 < port <= _HIGHEST_PORT:
            raise ValueError(f"has a port that is not between 1 and {_HIGHEST_PORT}")
        found.append((_without_brackets(match[1]), port))
    return tuple(found)


def _without_brackets(host: str) -> str:
    if not host.startswith("["):
        return host
    try:
        return str(IPv6Address(host[1:-1]))
    except ValueError:
        raise ValueError("has brackets around what is no IPv6 address") from None


def _named_in(path: str, *, sentinels: bool) -> tuple[str | None, str]:
    """Return the primary's name (``None`` without sentinels) and the database."""
    inside = path.removeprefix("/")
    if not sentinels:
        return None, inside
    name, _, database = inside.partition("/")
    if not name:
        raise ValueError("needs the name of the primary after the sentinels: redis+sentinel://HOST/NAME")
    return name, database


def _database(number: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", number):
        raise ValueError("has a database that is not a number from 0 on, as in redis://HOST:PORT/0")
    return int(number)


def _socket(path: str, hosts: str) -> str:
    if hosts or not path.startswith("/"):
        raise ValueError("needs the absolute path of a socket after unix://")
    try:
        kind = Path(path).stat().st_mode if Path(path).exists() else None
    except (OSError, ValueError):
        raise ValueError("names a socket that cannot be looked at") from None
    if not Path(path).parent.is_dir():  # the socket itself is there once Redis has started
        raise ValueError(f"the folder of the socket {path} does not exist")
    if kind is not None and not stat.S_ISSOCK(kind):
        raise ValueError(f"{path} is not a socket")
    return path
