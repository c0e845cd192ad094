"""``python -m api deny``, as it runs and prints."""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from rich.console import Console

from api.middleware.deny_list import DeniedTokens, entry_id
from bus.cli import moment, write_json
from bus.connections.clients import write_database
from bus.connections.mongodb_address import WRITE_URI
from bus.connections.preflight import settings_with_servers
from bus.errors import RefusedError
from bus.messages.principal import Role
from bus.tables import table


@contextmanager
def _denied() -> Iterator[DeniedTokens]:
    database = write_database(settings_with_servers(WRITE_URI))
    with database.client:
        yield DeniedTokens(database)


def deny(subject: str, role: Role | None, before: datetime | None) -> None:
    """Deny tokens that were issued until ``before``, or until now."""
    with _denied() as denied:
        until = denied.deny(subject, role, before, _user())
    _say(f"{entry_id(subject, role)}: tokens issued until {moment(until)} UTC are refused")


def lift(subject: str, role: Role | None) -> None:
    """Have them taken again; raises ``RefusedError`` if they are not denied."""
    name = entry_id(subject, role)
    with _denied() as denied:
        if not denied.lift(subject, role):
            raise RefusedError(f"{name} is not on the list")
    _say(f"{name}: tokens are taken again, however old")


def show(*, as_json: bool) -> None:
    """Print every entry."""
    with _denied() as denied:
        entries = denied.all()
    if as_json:
        write_json(entries)
        return
    rows = table("whose", words=("issued until (UTC)", "since (UTC)", "by"))
    for entry in entries:
        rows.add_row(entry["_id"], moment(entry["before"]), moment(entry["at"]), entry["by"])
    Console().print(rows if entries else "No tokens are denied.")


def _say(text: str) -> None:
    Console().print(text, soft_wrap=True, markup=False, highlight=False)


def _user() -> str:
    """Who runs this process: variables of the environment can say anything."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container's user may have no name
        return f"uid {os.geteuid()}"
