"""``python -m write_side log``, as it runs and prints."""

import time
from collections.abc import Iterable
from typing import Any

import pymongo
from rich.text import Text

from bus.cli import moment, write_json
from bus.connections.clients import write_database
from bus.connections.mongodb_address import WRITE_URI
from bus.connections.preflight import settings_with_servers
from bus.errors import RefusedError
from bus.log.commit import Commit
from bus.log.log import Log
from bus.messages.outcome import CommandStatus
from bus.terminal import Terminal
from write_side.tail import Tail, Wanted, stream_of

FOLLOW_EVERY_S = 0.5
SEARCH_S = 600
"""The limit in seconds for a search through a whole log; other operations are bounded as
everywhere."""

_HEADER = f"{'accepted (UTC)':19}  {'position':>10}  {'version':>7}  {'what':24}  {'by':20}  stream"


def run(wanted: Wanted, limit: int, *, follow: bool, as_json: bool) -> None:
    """Print the newest wanted commits, the oldest first; with ``follow``, go on until Ctrl-C.

    Raises:
        RefusedError: there is no such partition.

    """
    settings = settings_with_servers(WRITE_URI)
    database = write_database(settings)
    show = _write if as_json else _Lines()
    with database.client:
        log = Log(database, settings.log_partitions)
        log.create()  # which refuses another number of partitions
        if wanted.partition is not None and wanted.partition >= log.partitions:
            raise RefusedError(f"the log has the partitions 0 to {log.partitions - 1}")
        tail = Tail(database, log, wanted)
        with pymongo.timeout(SEARCH_S):
            show(tail.newest(limit))
        try:
            while follow:
                if not (news := tail.news()):
                    time.sleep(FOLLOW_EVERY_S)
                show(news)
        except KeyboardInterrupt:
            return


def as_line(commit: Commit) -> dict[str, Any]:
    """Return a commit or refusal as scripts get it, without the state, which ``show`` prints."""
    line = {
        "partition": commit.partition,
        "seq": commit.seq,
        "at": commit.at,
        "by": commit.by,
        "command_id": commit.command_id,
        "correlation_id": commit.correlation_id,
        "stream": stream_of(commit),
        "version": commit.version,
        "events": commit.events,
    }
    return line if commit.outcome is None else {**line, "outcome": commit.outcome}


def what(commit: Commit) -> str:
    """Return a commit's event types, or a refusal's code, or that it failed or changed nothing."""
    if commit.stream is not None:
        return ", ".join(str(event.get("type", "?")) for event in commit.events)
    outcome = commit.outcome or {}
    if outcome.get("status") == CommandStatus.FAILED:
        return "failed"
    rejection = outcome.get("rejection")
    return f"refused: {rejection['code']}" if rejection else "nothing changed"


def _write(commits: Iterable[Commit]) -> None:
    for commit in commits:
        write_json(as_line(commit))


class _Lines:
    """Prints each commit on one line, never cut or folded, so that it can be searched."""

    def __init__(self) -> None:
        self._console = Terminal(highlight=False, soft_wrap=True)
        self._begun = False

    def __call__(self, commits: Iterable[Commit]) -> None:
        for commit in commits:
            if not self._begun:
                self._console.print(Text(_HEADER, style="bold"))
            self._begun = True
            self._console.print(_line(commit))


def _line(commit: Commit) -> Text:
    version = "" if commit.version is None or commit.stream is None else str(commit.version)
    told = what(commit)
    return Text.assemble(
        (f"{moment(commit.at)}", "dim"),
        f"  {f'{commit.partition}-{commit.seq}':>10}  {version:>7}  ",
        (f"{told:24}", "yellow" if commit.stream is None else "green"),
        f"  {commit.by or '':20}  {stream_of(commit) or ''}",
    )
