"""``python -m read_side status`` as it runs and prints."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict

from pymongo.errors import PyMongoError
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bus.cli import write_json
from bus.connections.clients import read_database, write_database
from bus.connections.mongodb_address import READ_URI, WRITE_URI
from bus.connections.preflight import settings_with_servers
from bus.log.log import Log
from read_side.projections import READ_MODELS
from read_side.queries.status import GenerationStatus, Progress, Status, attention

MINUTE, HOUR, DAY = 60, 3_600, 86_400


def run(interval_s: float, max_lag_s: float, *, watch: bool, as_json: bool) -> bool:
    """Look twice, for the rates, and print; return whether nothing needs attention.

    With ``watch`` again and again until Ctrl-C.
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
            Console().print(shown(statuses, max_lag_s))
        return not attention(statuses, max_lag_s)


@contextmanager
def _looking() -> Iterator[Status]:
    settings = settings_with_servers(WRITE_URI, READ_URI)
    writes, reads = write_database(settings), read_database(settings)
    with writes.client, reads.client:
        log = Log(writes, settings.log_partitions)
        log.create()  # which refuses another number of partitions
        yield Status(log, reads, READ_MODELS)


def _watch(
    status: Status,
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
        with Live(now, console=Console(), auto_refresh=False) as live:
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
    told = [asdict(standing) for standing in statuses]
    write_json({"read_models": told, "attention": attention(statuses, max_lag_s)})


def shown(statuses: Sequence[GenerationStatus], max_lag_s: float) -> RenderableType:
    """One row for each partition of each generation, then what needs attention."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in ("read model", "state"):
        table.add_column(column, no_wrap=True)
    for column in ("part.", "position", "head", "behind", "for", "rate", "parked"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("lease", overflow="ellipsis")
    for standing in statuses:
        name = f"{standing.read_model}.g{standing.generation}"
        for index, one in enumerate(standing.partitions):
            first = (name, standing.state) if index == 0 else ("", "")
            table.add_row(*first, *_row(one), end_section=index == len(standing.partitions) - 1)
        if not standing.partitions:
            table.add_row(name, standing.state, end_section=True)
    needs = attention(statuses, max_lag_s)
    return Group(table, *(Text(line, style="bold red") for line in needs)) if needs else table


def _row(one: Progress) -> tuple[RenderableType, ...]:
    return (
        str(one.partition),
        f"{one.position:,}",
        f"{one.head:,}",
        f"{one.lag:,}",
        age(one.lag_s),
        "" if one.rate is None else f"{one.rate:,.0f}/s",
        Text(f"{one.parked:,}", style="bold red" if one.parked else ""),
        one.holder or "",
    )


def age(seconds: float | None) -> str:
    """A time in its largest two units, such as ``3 h 12 min``; unknown as ``?``, none as nothing."""
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
