"""Runs ``python -m api deny`` and prints its results."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from api.middleware.deny_list import DeniedTokens, entry_id
from bus.audit_trail.actions import Action
from bus.audit_trail.callers import of_this_process
from bus.audit_trail.command_line import recorder
from bus.cli import moment, write_json
from bus.connections.clients import write_database
from bus.connections.mongodb_address import WRITE_URI
from bus.connections.preflight import settings_with_servers
from bus.errors import RefusedError
from bus.messages.principal import Role
from bus.settings import Settings
from bus.tables import table
from bus.terminal import Terminal


@contextmanager
def _denied(settings: Settings) -> Iterator[DeniedTokens]:
    database = write_database(settings)
    with database.client:
        yield DeniedTokens(database)


@contextmanager
def _recorded(action: Action, name: str) -> Iterator[DeniedTokens]:
    """Yield the list; the audit trail records what the block does to the entry ``name``."""
    settings = settings_with_servers(WRITE_URI)
    with _denied(settings) as denied, recorder(settings) as recorded, recorded(action, {"tokens": name}):
        yield denied


def deny(subject: str, role: Role | None, before: datetime | None) -> None:
    """Deny the subject's tokens that were issued until ``before``, or until now."""
    name = entry_id(subject, role)
    with _recorded(Action.DENY_TOKENS, name) as denied:
        until = denied.deny(subject, role, before, of_this_process().name)
    _say(f"{name}: tokens issued until {moment(until)} UTC are refused")


def lift(subject: str, role: Role | None) -> None:
    """Let the subject's tokens be taken again; raises ``RefusedError`` if they are not denied."""
    name = entry_id(subject, role)
    with _recorded(Action.LIFT_DENIAL, name) as denied:
        if not denied.lift(subject, role):
            raise RefusedError(f"{name} is not on the list")
    _say(f"{name}: tokens are taken again, however old")


def show(*, as_json: bool) -> None:
    """Print every entry."""
    with _denied(settings_with_servers(WRITE_URI)) as denied:
        entries = denied.all()
    if as_json:
        write_json(entries)
        return
    rows = table("whose", words=("issued until (UTC)", "since (UTC)", "by"))
    for entry in entries:
        rows.add_row(entry["_id"], moment(entry["before"]), moment(entry["at"]), entry["by"])
    Terminal().print(rows if entries else "No tokens are denied.")


def _say(text: str) -> None:
    Terminal().print(text, soft_wrap=True, highlight=False)
