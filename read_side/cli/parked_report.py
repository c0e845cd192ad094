"""The parked streams as ``python -m read_side parked`` lists and retries them."""

import json
import os
import socket
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass

import redis
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bus.audit_trail.actions import Action
from bus.audit_trail.command_line import Recorder, recorder
from bus.cli import moment
from bus.connections.clients import read_database, redis_client, write_database
from bus.connections.mongodb_address import READ_URI, WRITE_URI
from bus.connections.preflight import settings_with_servers
from bus.log.log import Log
from bus.notify.doorbells import Doorbells
from bus.primitives.printable import printable
from bus.settings import Settings
from bus.tables import table
from bus.terminal import Terminal
from read_side.errors import GenerationError, LeaseLostError, RebuildNeededError
from read_side.generations.registry import STAYING, Registry, collection_name
from read_side.parked.parking import Parked, Parking
from read_side.parked.retried import Result, Retried
from read_side.parked.retry import ParkedRetry
from read_side.projector.checkpoints import Checkpoints


@dataclass(frozen=True, slots=True)
class ParkedTools:
    """The parts that listing and retrying need, of the two databases."""

    settings: Settings
    log: Log
    registry: Registry
    parking: Parking
    parked_retry: ParkedRetry


@dataclass(frozen=True, slots=True)
class Selection:
    """The parked streams that are meant: those of these names and this read model, where given."""

    streams: Collection[str] = ()
    read_model: str | None = None

    def of(self, parked: Sequence[Parked]) -> list[Parked]:
        return [
            one
            for one in parked
            if (not self.streams or one.stream in self.streams) and self.read_model in {None, one.name}
        ]


@dataclass(frozen=True, slots=True)
class Listed:
    """A parked stream, and the number of its later commits, which wait."""

    parked: Parked
    waiting: int
    state: str
    """The state of its generation: ``RegistryEntry.state_of``."""

    @property
    def stays(self) -> bool:
        return self.state in STAYING


def listed(*, as_json: bool) -> bool:
    """Print what is parked; return True if none of it needs an operator, as ``status`` says it."""
    with _tools() as tools:
        rows = [
            Listed(
                parked,
                tools.log.waiting(parked.partition, parked.stream, parked.seq),
                tools.registry.entry(parked.name).state_of(parked.generation),
            )
            for parked in tools.parking.every()
        ]
    if as_json:
        _print_json([_as_json(row) for row in rows])
    else:
        Terminal().print(shown(rows))
    return not any(row.stays for row in rows)


def retried(selection: Selection, *, as_json: bool) -> int:
    """Retry parked streams and print what became of them.

    Return 0 if all that was meant is mended, 3 if some is not, else 1 if some was not parked.
    """
    with _tools() as tools:
        meant = selection.of(tools.parking.every())
        with recorder(tools.settings) as recorded:
            results = [_recorded(recorded, tools.parked_retry.retry, parked) for parked in meant]
        _ring(tools.settings, results)
    missing = sorted(set(selection.streams) - {parked.stream for parked in meant})
    if as_json:
        _print_json([asdict(one) for one in results])
    for one in () if as_json else results:
        place = f"{collection_name(one.read_model, one.generation)}: {one.stream}"
        sys.stdout.write(printable(f"{place}: {one.result}{': ' if one.detail else ''}{one.detail}\n"))
    for stream in missing:
        sys.stderr.write(printable(f"{stream} is not parked\n"))
    if any(one.result is not Result.MENDED for one in results):
        return 3
    return 1 if missing else 0


def shown(rows: Sequence[Listed]) -> RenderableType:
    """Return each stream on a line of its own, never cut, as ``retry`` is given it.

    Below the stream are the places where it is parked.
    """
    if not rows:
        return Text("Nothing is parked.")
    parts: list[RenderableType] = []
    by_stream: dict[str, list[Listed]] = {}
    for row in rows:
        by_stream.setdefault(row.parked.stream, []).append(row)
    for stream, its in by_stream.items():
        parts += [Text(stream, style="bold"), _places(its)]
        errors: dict[str, list[str]] = {}
        for row in its:
            errors.setdefault(row.parked.error, []).append(_place(row.parked))
        for error, places in errors.items():
            where = "error" if len(errors) == 1 else f"error in {', '.join(places)}"
            parts.append(Text(f"{where}: {error}\n"))
    parts.append(
        Text(f"In all {len(rows):,}, as status counts: one for each generation that parked a stream.")
    )
    if going := sum(not row.stays for row in rows):
        parts.append(
            Text(f"{going:,} of them need nobody: their generation is being built, or goes by itself.")
        )
    return Group(*parts)


def _places(rows: Sequence[Listed]) -> Table:
    places = table("read model", numbers=("partition", "position", "waiting"), words=("since (UTC)",))
    for row in rows:
        parked = row.parked
        place = _place(parked) if row.stays else f"{_place(parked)} {row.state}"
        numbers = (str(parked.partition), f"{parked.seq:,}", f"{row.waiting:,}")
        places.add_row(place, *numbers, moment(parked.since))
    return places


def _place(parked: Parked) -> str:
    return collection_name(parked.name, parked.generation)


def _recorded(recorded: Recorder, retry: Callable[[Parked], Parked | None], parked: Parked) -> Retried:
    target = {"generation": _place(parked), "stream": parked.stream}
    with recorded(Action.RETRY_PARKED, target) as attempt:
        retried = _retried(retry, parked)
        attempt.outcome, attempt.detail = retried.result.ended, retried.result
        return retried


def _retried(retry: Callable[[Parked], Parked | None], parked: Parked) -> Retried:
    try:
        left = retry(parked)
    except RebuildNeededError as error:
        return Retried.of(parked, Result.REBUILD, error)
    except LeaseLostError:
        return Retried.of(parked, Result.BUSY, "somebody else has taken the lease meanwhile: try again")
    except (GenerationError, LookupError) as error:
        return Retried.of(parked, Result.REFUSED, error)
    return Retried.of(parked, Result.MENDED) if left is None else Retried.still(left)


def _ring(settings: Settings, results: Sequence[Retried]) -> None:
    """Ring for those that lost a lease; without Redis they come back when their watchdog looks."""
    bells = {(one.read_model, one.partition) for one in results if one.result is not Result.REBUILD}
    with redis_client(settings) as client, suppress(redis.RedisError):
        Doorbells(client).ring(bells, insist=True)


@contextmanager
def _tools() -> Iterator[ParkedTools]:
    settings = settings_with_servers(WRITE_URI, READ_URI)
    writes, reads = write_database(settings), read_database(settings)
    with writes.client, reads.client:
        log = Log(writes, settings.log_partitions)
        log.create()  # which refuses another number of partitions
        parking, owner = Parking(reads), f"{socket.gethostname()}:{os.getpid()}"
        checkpoints = Checkpoints(reads, settings.lease_ms)
        registry = Registry(reads)
        retry = ParkedRetry(log, registry, checkpoints, parking, owner)
        yield ParkedTools(settings, log, registry, parking, retry)


def _as_json(row: Listed) -> dict[str, object]:
    parked = row.parked
    return {
        "read_model": parked.name,
        "generation": parked.generation,
        "partition": parked.partition,
        "stream": parked.stream,
        "position": parked.seq,
        "since": parked.since.isoformat(),
        "error": parked.error,
        "waiting": row.waiting,
    }


def _print_json(rows: Sequence[object]) -> None:
    sys.stdout.write(json.dumps(rows) + "\n")
