"""Records what commands of ``python -m`` change, and prints ``python -m bus audit-trail``."""

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
    """Yield a function that records what a command changes, in the name of the user it runs as.

    Many threads may call it.
    """
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
    """Return a table with one row for each entry; the address stands below the caller's name."""
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
    """Return a cell of these lines; one that is not printable is escaped, so no terminal obeys it.

    A target is text that a caller sent.
    """
    shown = (line.encode("unicode_escape").decode() if not line.isprintable() else line for line in lines)
    return Text("\n".join(shown).rstrip())
