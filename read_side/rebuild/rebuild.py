"""Rebuilds a read model: a new generation, filled from the log, takes the live one's place.

The steps: lease · begin (or resume) · fill · finish · compare · hand over · put in service · view.

While the rebuild fills the new generation, nobody else knows it. Once the generation has caught up,
the rebuild registers it as ready, and the workers project it like the live one. The rebuild puts it
in service only when they demonstrably do (``read_side.rebuild.handover``). So readers that move
over do not go back in time and do not wait longer than before. A Consistency-Token is always
checked against the very generation that is read.

If a rebuild is killed at any point, the live generation stays as it was. What the rebuild had begun
stays registered; the next rebuild goes on with it, or it is dropped. Putting a generation in
service is one update, so a kill does not undo it or leave half of it.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass

from bus.log.log import Log
from bus.notify.doorbells import Doorbells
from read_side.errors import RebuildRefusedError, RebuildStoppedError
from read_side.generations.generations import Generations, RebuildLease
from read_side.generations.registry import Generation, Registry, RegistryEntry, State
from read_side.generations.retirement import Retirement
from read_side.parked.parking import Parking
from read_side.projections.model import ReadModel
from read_side.projector.checkpoints import Checkpoints
from read_side.rebuild.comparison import Comparison, compare
from read_side.rebuild.filling import TICK_S, Fill, builder
from read_side.rebuild.handover import LEARNED_S, Handover

CLOSE = 1_000
"""A fill that is at most so many commits behind the heads is left to the workers."""
FILLS = 5
"""The most fills of a generation; each reads only the commits that came during the one before."""
KEPT_CHANGES = 1_000


class RebuildListener:
    """The listener that a rebuild tells how it goes; this one ignores what it is told."""

    def begins(self, generation: int, *, resumed: bool) -> None: ...

    def is_filled_up_to(self, done: int, total: int) -> None: ...

    def enters(self, phase: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """The result of a rebuild."""

    read_model: str
    generation: int
    previous: int
    live: bool
    commits: int
    """The number of commits that this rebuild has gone through."""
    seconds: float
    """The time that this took, in seconds."""
    parked: int
    """The number of streams that could not be folded to their end."""
    comparison: Comparison
    time_zone: str | None
    """The time zone whose days the model counts by, if it counts by days."""


@dataclass(frozen=True, slots=True)
class RebuildTools:
    """The parts that rebuilds work with; built in the command's main."""

    log: Log
    registry: Registry
    generations: Generations
    checkpoints: Checkpoints
    parking: Parking
    retirement: Retirement
    doorbells: Doorbells
    fill: Fill
    stopping: threading.Event
    lease_ms: int


class Rebuild:
    """The rebuild of one read model."""

    def __init__(self, tools: RebuildTools, model: ReadModel, watch: RebuildListener | None = None) -> None:
        self._tools = tools
        self._model = model
        self._name = model.name
        self._watch = watch or RebuildListener()
        self._handover = Handover(
            model,
            log=tools.log,
            checkpoints=tools.checkpoints,
            doorbells=tools.doorbells,
            stopping=tools.stopping,
        )
        self._renewed_at = 0.0
        self._ready_at = 0.0

    def run(self, *, keep_old: bool = False, swap: bool = True) -> Rebuilt:
        """Rebuild the model.

        With ``swap=False`` the generation is left ready beside the live one; the next rebuild puts
        it in service.

        Raises:
            RebuildRefusedError: another rebuild of the model is running.
            RebuildStoppedError: it ended early; what was built so far can be resumed or dropped.
            RebuildLostError, GenerationError: meanwhile somebody took over or changed what is live.

        """
        self._tools.registry.create([self._model])
        with self._lease() as lease:
            number = self._begin(lease)
            began = time.monotonic()
            commits = self._fill(lease, number)
            seconds = time.monotonic() - began
            previous = self._entry().live
            comparison = self._compare(lease, number, previous)
            if swap:
                self._hand_over(lease, number, previous)
                self._tools.generations.put_in_service(lease, number, instead_of=previous, keep=keep_old)
                self._tools.retirement.show_live(self._entry())
        parked = sum(
            len(self._tools.parking.streams(self._name, number, partition))
            for partition in self._handover.partitions
        )
        return Rebuilt(
            read_model=self._name,
            generation=number,
            previous=previous,
            live=swap,
            commits=commits,
            seconds=seconds,
            parked=parked,
            comparison=comparison,
            time_zone=self._model.time_zone,
        )

    def put_in_service(self, number: int) -> None:
        """Make a generation live that exists and is projected already; keep the one before.

        Raises:
            RebuildRefusedError: a rebuild of the model is running.
            RebuildStoppedError: no worker projects it.
            GenerationError: it is not ready, or another one became live meanwhile.

        """
        self._ready_at = time.monotonic() - LEARNED_S  # it is not new
        with self._lease() as lease:
            previous = self._entry().live
            if previous != number:
                self._hand_over(lease, number, previous)
                self._tools.generations.use(self._name, number, instead_of=previous)
            self._tools.retirement.show_live(self._entry())

    def _entry(self) -> RegistryEntry:
        return self._tools.generations.entry(self._name)

    @contextmanager
    def _lease(self) -> Iterator[RebuildLease]:
        lease = self._tools.generations.take(self._name, builder())
        if lease is None:
            raise RebuildRefusedError(
                f"{self._name} is being rebuilt by {self._entry().builder}, or was until a moment ago"
            )
        self._renewed_at = time.monotonic()
        try:
            yield lease
        finally:
            self._tools.generations.release(lease)

    def _tick(self, lease: RebuildLease) -> None:
        """Raise if the rebuild is told to stop; keep the lease otherwise."""
        if self._tools.stopping.is_set():
            raise RebuildStoppedError(f"told to stop while rebuilding {self._name}")
        if time.monotonic() - self._renewed_at > self._tools.lease_ms / 3000:
            self._tools.generations.renew(lease)
            self._renewed_at = time.monotonic()

    def _begin(self, lease: RebuildLease) -> int:
        """Go on with a generation that an earlier rebuild has left, or begin one.

        Nobody else is building a generation that is left, as this rebuild has the lease. A
        generation of another version of the code, or of another time zone, is of no use.
        """
        left = [g for g in self._entry().generations.values() if _is_unfinished(g)]
        wanted = self._model.version, self._model.time_zone
        for other in left:
            if (other.version, other.time_zone) != wanted and other.state is State.BUILDING:
                self._tools.generations.give_up(lease, other.number)
        number = max((g.number for g in left if (g.version, g.time_zone) == wanted), default=None)
        resumed = number is not None
        if number is None:
            number = self._tools.generations.begin(lease, *wanted)
        self._watch.begins(number, resumed=resumed)
        return number

    def _fill(self, lease: RebuildLease, number: int) -> int:
        """Bring the generation near the heads, leave it to the workers; return the commits read."""
        self._ready_at = time.monotonic()
        if self._entry().generations[number].state is State.READY:
            return 0
        self._tools.registry.create_indexes(self._model, number, to_fill=True)
        self._tools.checkpoints.create(self._name, number, len(self._handover.partitions))
        before = sum(self._handover.positions(number))

        def tick() -> None:
            self._tick(lease)
            done = sum(self._handover.positions(number))
            self._watch.is_filled_up_to(done, max(done, sum(self._handover.heads())))

        self._watch.enters("filling")
        for _ in range(FILLS):
            tick()
            self._tools.fill(self._model, number, tick)
            self._index(number, tick)
            if not self._handover.is_behind(number, (head - CLOSE for head in self._handover.heads())):
                break
        tick()
        self._tools.generations.finish(lease, number)
        self._ready_at = time.monotonic()
        self._handover.ring()
        return sum(self._handover.positions(number)) - before

    def _index(self, number: int, tick: Callable[[], None]) -> None:
        """Make the missing indexes and keep the lease meanwhile: it is long work the first time."""
        pool = ThreadPoolExecutor(1)
        try:
            making = pool.submit(self._tools.registry.create_indexes, self._model, number)
            while not wait([making], TICK_S).done:
                tick()
            making.result()
        finally:
            pool.shutdown(wait=False)  # who is told to stop does not wait; closing the client ends it

    def _compare(self, lease: RebuildLease, number: int, previous: int) -> Comparison:
        self._watch.enters("comparing")
        registry = self._tools.registry

        def tick() -> None:
            self._tick(lease)

        return compare(
            registry.collection(self._name, previous),
            registry.collection(self._name, number),
            model=self._model,
            passed_the_heads=lambda: self._handover.have_caught_up((previous, number), tick),
            tick=tick,
            kept=KEPT_CHANGES,
        )

    def _hand_over(self, lease: RebuildLease, number: int, previous: int) -> None:
        self._watch.enters("waiting for the workers")
        self._handover.until_followed(number, previous, self._ready_at, lambda: self._tick(lease))
        self._watch.enters("")


def _is_unfinished(generation: Generation) -> bool:
    return not generation.was_live and generation.state in {State.BUILDING, State.READY}
