"""``python -m read_side status`` as it runs and prints."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict

from pymongo.errors import PyMongoError
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from bus.cli import write_json
from bus.connections.clients import read_database, write_database
from bus.connections.mongodb_address import READ_URI, WRITE_URI
from bus.connections.preflight import settings_with_servers
from bus.log.log import Log
from bus.terminal import Terminal
from read_side.projections import read_models
from read_side.queries.status import GenerationStatus, Progress, StatusReader, attention

MINUTE, HOUR, DAY = 60, 3_600, 86_400
_COLUMNS = ("part.", "position", "head", "behind", "for", "rate", "parked")


def run(interval_s: float, max_lag_s: float, *, watch: bool, as_json: bool) -> bool:
    """Look twice, for the rates, and print; return True if nothing needs attention.

    With ``watch``, go on looking and printing until Ctrl-C, and return True.
    """
    with _looking() as status:
        status.look()
        time.sleep(interval_s)
        statuses = status.look()
        if watch:
            _watch(status, statuses, interval_s, max_lag_s, as_json=as_json)
            return True
        if as_json:
            _write(statuses, max_lag_s)
        else:
            Terminal().print(shown(statuses, max_lag_s))
        return not attention(statuses, max_lag_s)


@contextmanager
def _looking() -> Iterator[StatusReader]:
    settings = settings_with_servers(WRITE_URI, READ_URI)
    writes, reads = write_database(settings), read_database(settings)
    with writes.client, reads.client:
        log = Log(writes, settings.log_partitions)
        log.create()  # which refuses another number of partitions
        yield StatusReader(log, reads, read_models(settings.shop_zone))


def _watch(
    status: StatusReader,
    statuses: Sequence[GenerationStatus],
    interval_s: float,
    max_lag_s: float,
    *,
    as_json: bool,
) -> None:
    try:
        if as_json:
            while True:
                _write(statuses, max_lag_s)
                time.sleep(interval_s)
                statuses = status.look()
        now = shown(statuses, max_lag_s)
        with Live(now, console=Terminal(), auto_refresh=False) as live:
            while True:
                live.update(now, refresh=True)
                time.sleep(interval_s)
                try:
                    now = shown(status.look(), max_lag_s)
                except PyMongoError as error:
                    away = f"MongoDB cannot be reached: {str(error).partition(',')[0]}"
                    live.update(Group(now, Text(away, style="red")), refresh=True)
    except KeyboardInterrupt:
        return


def _write(statuses: Sequence[GenerationStatus], max_lag_s: float) -> None:
    told = [asdict(status) for status in statuses]
    write_json({"read_models": told, "attention": attention(statuses, max_lag_s)})


def shown(statuses: Sequence[GenerationStatus], max_lag_s: float) -> RenderableType:
    """Return each generation, below it a line for each partition, then what needs attention.

    It is no table: names and leases are long, and 80 columns have no room for both in one line.
    """
    rows = [_row(one) for status in statuses for one in status.partitions]
    widths = [max(map(len, column)) for column in zip(_COLUMNS, *rows, strict=True)]
    lines = [_line(_COLUMNS, widths, "lease", "bold")]
    for status in statuses:
        name = f"{status.read_model}.g{status.generation}"
        lines.append(Text.assemble((name, "bold"), f"  {status.state}"))
        lines += [
            _line(_row(one), widths, one.holder or "", "bold red" if one.parked else "")
            for one in status.partitions
        ]
    needs = [Text(line, style="bold red") for line in attention(statuses, max_lag_s)]
    return Group(*lines, *([Text(), *needs] if needs else ()))


def _line(cells: Sequence[str], widths: Sequence[int], lease: str, style: str = "") -> Text:
    numbers = "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
    return Text(f"{numbers}  {lease}".rstrip(), style=style)


def _row(one: Progress) -> tuple[str, ...]:
    return (
        str(one.partition),
        f"{one.position:,}",
        f"{one.head:,}",
        f"{one.lag:,}",
        age(one.lag_s),
        "" if one.rate is None else f"{one.rate:,.0f}/s",
        f"{one.parked:,}",
    )


def age(seconds: float | None) -> str:
    """Return a time in its largest two units: ``3 h 12 min``; ``?`` if unknown, empty if 0."""
    if seconds is None:
        return "?"
    if not seconds:
        return ""
    if seconds < MINUTE:
        return f"{seconds:.1f} s"
    for unit, above, name, smaller in ((MINUTE, HOUR, "min", "s"), (HOUR, DAY, "h", "min")):
        if seconds < above:
            rest = seconds % unit // (1 if unit == MINUTE else MINUTE)
            return f"{seconds // unit:.0f} {name} {rest:.0f} {smaller}"
    return f"{seconds // DAY:.0f} d {seconds % DAY // HOUR:.0f} h"
