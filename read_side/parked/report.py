"""The parked streams as ``python -m read_side parked`` lists and retries them."""

import json
import os
import socket
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

import redis
from rich.console import Console
from rich.table import Table

from bus.connections import read_database, redis_client, write_database
from bus.doorbells import Doorbells
from bus.log import Log
from bus.settings import Settings
from read_side.checkpoints import Checkpoints
from read_side.errors import GenerationError, LeaseLostError, RebuildNeededError
from read_side.parked.parking import Parked, Parking
from read_side.parked.unparking import Unparking
from read_side.registry import Registry


@dataclass(frozen=True, slots=True)
class Tools:
    """What listing and retrying needs of the two databases."""

    settings: Settings
    log: Log
    parking: Parking
    unparking: Unparking


@dataclass(frozen=True, slots=True)
class Selection:
    """Which parked streams are meant: those of these names and of this read model, where given."""

    streams: Collection[str] = ()
    read_model: str | None = None

    def of(self, parked: Sequence[Parked]) -> list[Parked]:
        return [
            one
            for one in parked
            if (not self.streams or one.stream in self.streams) and self.read_model in {None, one.name}
        ]


@dataclass(frozen=True, slots=True)
class Retried:
    """What became of a parked stream."""

    parked: Parked
    result: Literal["mended", "parked", "rebuild", "busy", "refused"]
    detail: str
    """Why it is not mended, or nothing."""


def listed(*, as_json: bool) -> bool:
    """Print what is parked; return whether nothing is."""
    with _tools() as tools:
        rows = [
            (parked, tools.log.waiting(parked.partition, parked.stream, parked.seq))
            for parked in tools.parking.every()
        ]
    if as_json:
        _print_json([{**_identity(parked), **_why(parked), "waiting": waiting} for parked, waiting in rows])
    else:
        show(rows, Console())
    return not rows


def retried(selection: Selection, *, as_json: bool) -> int:
    """Retry parked streams and print what became of them.

    Returns 0 if all that was meant is mended, 1 if some of it was not parked, 3 if some of it still is.
    """
    with _tools() as tools:
        meant = selection.of(tools.parking.every())
        results = [_retried(tools.unparking.retry, parked) for parked in meant]
        _ring(tools.settings, results)
    missing = sorted(set(selection.streams) - {parked.stream for parked in meant})
    if as_json:
        _print_json(
            [{**_identity(one.parked), "result": one.result, "detail": one.detail} for one in results]
        )
    for one in () if as_json else results:
        place = f"{one.parked.name}: {one.parked.stream}"
        sys.stdout.write(f"{place}: {one.result}{': ' if one.detail else ''}{one.detail}\n")
    for stream in missing:
        sys.stderr.write(f"{stream} is not parked\n")
    if any(one.result != "mended" for one in results):
        return 3
    return 1 if missing else 0


def show(rows: Sequence[tuple[Parked, int]], console: Console) -> None:
    """One row for each parked stream; how many later commits wait behind it is in the last column."""
    table = Table("read model", "generation", "partition", "stream", "position", "since", "error", "waiting")
    for number in ("generation", "partition", "position", "waiting"):
        next(column for column in table.columns if column.header == number).justify = "right"
    for parked, waiting in rows:
        place = parked.name, str(parked.generation), str(parked.partition), parked.stream, str(parked.seq)
        table.add_row(*place, f"{parked.since:%Y-%m-%d %H:%M:%S}Z", parked.error, str(waiting))
    console.print(table if rows else "Nothing is parked.")


def _retried(retry: Callable[[Parked], Parked | None], parked: Parked) -> Retried:
    try:
        left = retry(parked)
    except RebuildNeededError as error:
        return Retried(parked, "rebuild", str(error))
    except LeaseLostError:
        return Retried(parked, "busy", "somebody else has taken the lease meanwhile: try again")
    except (GenerationError, LookupError) as error:
        return Retried(parked, "refused", str(error))
    if left is None:
        return Retried(parked, "mended", "")
    return Retried(parked, "parked", f"still, from position {left.seq} on: {left.error}")


def _ring(settings: Settings, results: Sequence[Retried]) -> None:
    """Call back whom a lease was taken from; without Redis it comes back when its lookout looks."""
    bells = {(one.parked.name, one.parked.partition) for one in results if one.result != "rebuild"}
    with redis_client(settings) as client, suppress(redis.RedisError):
        Doorbells(client).ring(bells)


@contextmanager
def _tools() -> Iterator[Tools]:
    settings = Settings.load()
    writes, reads = write_database(settings), read_database(settings)
    with writes.client, reads.client:
        log = Log(writes, settings.log_partitions)
        log.create()  # which refuses another number of partitions
        parking, owner = Parking(reads), f"{socket.gethostname()}:{os.getpid()}"
        checkpoints = Checkpoints(reads, settings.lease_ms)
        yield Tools(settings, log, parking, Unparking(log, Registry(reads), checkpoints, parking, owner))


def _identity(parked: Parked) -> dict[str, object]:
    return {
        "read_model": parked.name,
        "generation": parked.generation,
        "partition": parked.partition,
        "stream": parked.stream,
    }


def _why(parked: Parked) -> dict[str, object]:
    return {"position": parked.seq, "since": parked.since.isoformat(), "error": parked.error}


def _print_json(rows: Sequence[object]) -> None:
    sys.stdout.write(json.dumps(rows) + "\n")
