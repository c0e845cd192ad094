"""``python -m write_side show``, as it runs and prints.

It shows a stream's history, and its state at any version.
"""

from collections.abc import Sequence

from rich.json import JSON
from rich.table import Table
from rich.text import Text

from bus import tables
from bus.cli import moment, to_json, write_json
from bus.connections.clients import write_database
from bus.connections.mongodb_address import WRITE_URI
from bus.connections.preflight import settings_with_servers
from bus.errors import RefusedError
from bus.log.commit import Commit
from bus.log.log import Log
from bus.messages.streams import partition_of
from bus.terminal import Terminal
from write_side.cli.log_report import as_line, what


def run(stream: str, version: int | None, *, as_json: bool) -> None:
    """Print the history of a stream, and its state at a version or as it is now.

    Raises:
        RefusedError: there is no such stream or version.

    """
    settings = settings_with_servers(WRITE_URI)
    database = write_database(settings)
    with database.client:
        log = Log(database, settings.log_partitions)
        log.create()  # which refuses another number of partitions
        history = log.history(partition_of(stream, log.partitions), stream)
    if not history:
        raise RefusedError(f"the log has no stream {stream}: streams are named like order-ID or customer-ID")
    shown = history[-1] if version is None else _at(history, version)
    if as_json:
        write_json(
            {
                "stream": stream,
                "version": shown.version,
                "state": shown.state,
                "history": [as_line(commit) for commit in history],
            }
        )
        return
    console = Terminal()
    console.print(table(history, shown))
    console.print(f"State at version {shown.version}:", style="bold")
    console.print(JSON(to_json(shown.state), ensure_ascii=False), soft_wrap=True)


def _at(history: Sequence[Commit], version: int) -> Commit:
    for commit in history:
        if commit.version == version:
            return commit
    raise RefusedError(f"{history[-1].stream} has the versions 1 to {history[-1].version}, not {version}")


def table(history: Sequence[Commit], shown: Commit) -> Table:
    """Return a table with one row for each version, and a mark on the one whose state is shown."""
    rows = tables.table("", numbers=("version", "position"), words=("accepted (UTC)", "what", "by"))
    rows.title = Text(str(shown.stream), style="table.title")  # as it is: ``:key:`` is no emoji here
    for commit in history:
        is_shown = commit is shown
        rows.add_row(
            "→" if is_shown else "",
            str(commit.version),
            f"{commit.partition}-{commit.seq}",
            moment(commit.at),
            Text(what(commit)),
            Text(commit.by or ""),
            style="bold" if is_shown else "",
        )
    return rows
