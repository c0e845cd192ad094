"""How commands of ``python -m`` record what they change, and how ``python -m bus audit-trail`` prints it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial

from rich.table import Table
from rich.text import Text

from bus.audit_trail.actions import Action
from bus.audit_trail.callers import of_this_process
from bus.audit_trail.trail import Attempt, AuditTrail, Target, TrailEntry
from bus.cli import moment, write_json
from bus.connections.clients import write_database
from bus.connections.mongodb_address import WRITE_URI
from bus.connections.preflight import settings_with_servers
from bus.observability import logs
from bus.settings import Settings
from bus.tables import table
from bus.terminal import Terminal

Recorder = Callable[[Action, Target], AbstractContextManager[Attempt]]
"""``AuditTrail.attempt`` in the name of the user of this process."""


@contextmanager
def recorder(settings: Settings) -> Iterator[Recorder]:
    """Record what a command changes, in the name of the user that it runs as; may be used by many threads."""
    logs.configure("WARNING", settings.log_format)  # an end that cannot be recorded is told on stderr
    database = write_database(settings)
    with database.client:
        yield partial(AuditTrail(database, settings.audit_trail_days).attempt, of_this_process())


def show(limit: int, since: datetime | None, *, as_json: bool) -> None:
    """Print the newest entries, the newest first; ``since`` is in UTC."""
    settings = settings_with_servers(WRITE_URI)
    database = write_database(settings)
    with database.client:
        trail = AuditTrail(database, settings.audit_trail_days)
        found, ended = trail.page(limit, since=since and since.replace(tzinfo=UTC))
    if as_json:
        write_json([asdict(entry) for entry in found])
        return
    console = Terminal()
    console.print(shown(found) if found else "Nothing is recorded.")
    if ended is not None:
        console.print(f"There is more than these {limit}: see --limit.", style="yellow")


def shown(entries: Sequence[TrailEntry]) -> Table:
    """One row for each; the address stands below who it is."""
    rows = table("at (UTC)", words=("who", "action", "target", "outcome"))
    for entry in entries:
        times = "" if entry.count == 1 else f"{entry.count:,} times"
        rows.add_row(
            moment(entry.at),
            _cell(entry.who, entry.address or ""),
            _cell(entry.action),
            _cell(entry.target),
            _cell(entry.outcome, times),
        )
    return rows


def _cell(*lines: str) -> Text:
    """Lines of text as they are, but that a terminal obeys none: a target is what somebody asked for."""
    shown = (line.encode("unicode_escape").decode() if not line.isprintable() else line for line in lines)
    return Text("\n".join(shown).rstrip())
