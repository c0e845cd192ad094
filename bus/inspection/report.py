"""Runs ``python -m bus queues`` and prints what it sees."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict

import redis
from pymongo.errors import PyMongoError
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bus import tables
from bus.cli import write_json
from bus.connections.clients import read_database, redis_client, write_database
from bus.connections.mongodb_address import READ_URI, WRITE_URI
from bus.connections.preflight import REDIS_URL, settings_with_servers
from bus.inspection.explanations import explained
from bus.inspection.figures import Figures, between
from bus.inspection.snapshot import Inspection, Inspector
from bus.log.log import Log
from bus.terminal import Terminal

SHORT_RATE = 100
"""A rate of so many a second, or more, is shown without decimals."""
MINUTE, HOUR, DAY = 60, 3_600, 86_400
_COLUMNS = ("waiting", "in flight", "delayed", "dead", "oldest", "in/s", "out/s", "stranded")


def run(interval_s: float, *, watch: bool, explain: bool, as_json: bool) -> None:
    """Look twice and print; with ``watch`` again and again, until Ctrl-C."""
    with _looking() as look:
        looks = _looks(look, interval_s)
        if as_json:
            _write(looks, watch=watch)
        elif watch:
            _watch(looks, look, interval_s, explain=explain)
        else:
            Terminal().print(_all(*next(looks), explain=explain))


@contextmanager
def _looking() -> Iterator[Inspector]:
    settings = settings_with_servers(WRITE_URI, READ_URI, REDIS_URL)
    writes, reads, client = write_database(settings), read_database(settings), redis_client(settings)
    with writes.client, reads.client, client:
        Log(writes, settings.log_partitions).create()  # which refuses another number of partitions
        yield Inspector(client, writes, reads, settings.log_partitions, settings.sweep_after_ms)


def _looks(look: Inspector, interval_s: float) -> Iterator[tuple[Inspection, Inspection]]:
    """Yield each look with the one before it, ``interval_s`` apart."""
    before = look()
    while True:
        time.sleep(interval_s)
        now = look()
        yield before, now
        before = now


def _write(looks: Iterator[tuple[Inspection, Inspection]], *, watch: bool) -> None:
    try:
        for before, now in looks:
            write_json(
                {
                    "interval_s": round(now.at - before.at, 3),
                    "failed_commands": now.failed,
                    "queues": [asdict(figures) for figures in between(before, now)],
                }
            )
            if not watch:
                return
    except KeyboardInterrupt:
        return


def _watch(
    looks: Iterator[tuple[Inspection, Inspection]], look: Inspector, interval_s: float, *, explain: bool
) -> None:
    """Redraw until Ctrl-C. While a server is away, show the last figures and say so."""
    console = Terminal()
    shown: RenderableType = Text("Looking ...")
    try:
        with Live(shown, console=console, auto_refresh=False) as live:
            while True:
                try:
                    shown = _all(*next(looks), explain=explain)
                    live.update(shown, refresh=True)
                except (PyMongoError, redis.RedisError) as error:
                    away = Text(f"A server cannot be reached: {str(error).partition(',')[0]}", style="red")
                    live.update(Group(shown, away), refresh=True)
                    looks = _looks(look, interval_s)  # an iterator that raised is at its end
                    time.sleep(interval_s)
    except KeyboardInterrupt:
        return


def _all(before: Inspection, now: Inspection, *, explain: bool) -> RenderableType:
    figures = between(before, now)
    parts: list[RenderableType] = [table(figures), *notes(figures, now.failed)]
    return Group(*parts, explained()) if explain else Group(*parts)


def table(figures: Sequence[Figures]) -> Table:
    """Return a table, one row per queue; figures that need an operator's eye are coloured."""
    rows = tables.table("queue", numbers=[column.replace(" ", "\n") for column in _COLUMNS])
    for one in figures:
        rows.add_row(
            one.queue,
            *(f"{count:,}" for count in (one.waiting, one.in_flight, one.delayed)),
            _alarming(one.dead),
            age(one.oldest_s),
            _rate(one.in_per_s),
            _rate(one.out_per_s),
            _alarming(one.stranded.total if one.stranded else 0),
        )
    return rows


def notes(figures: Sequence[Figures], failed: int) -> list[RenderableType]:
    """Return a line of advice for each figure of trouble that is not 0."""
    lines = []
    if dead := sum(one.dead for one in figures):
        lines.append(_line(dead, "dead letter", "python -m bus dead list --letters"))
    if failed:
        lines.append(_line(failed, "failed command", "python -m bus dead list --failed"))
    stranded = [one.stranded for one in figures if one.stranded]
    silent = sum(one.silent for one in stranded)
    overdue = sum(one.overdue for one in stranded)
    unrung = sum(one.unrung for one in stranded)
    if silent:
        lines.append(_line(silent, "message", "with silent workers; living ones take over within 20 s"))
    if overdue:
        lines.append(_line(overdue, "command", "overdue and not queued; does the clock run?"))
    if unrung:
        lines.append(_line(unrung, "partition", "behind without a bell; do the projections run?"))
    return [Text(line, style="yellow") for line in lines]


def _line(count: int, what: str, advice: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}: {advice}"


def age(seconds: float | None) -> str:
    """Return an age as ``850 ms``, ``12 s``, ``7 min``, ``3 h`` or ``2 d``; empty for ``None``."""
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= 2 * unit:
            return f"{seconds // unit:.0f} {name}"
    return f"{seconds:.0f} s"


def _rate(per_second: float | None) -> str:
    if per_second is None:
        return ""
    return f"{per_second:,.1f}" if per_second < SHORT_RATE else f"{per_second:,.0f}"


def _alarming(count: int) -> Text:
    return Text(f"{count:,}", style="bold red" if count else "")
