"""Having parked streams mended by the projections, for who asks from elsewhere: the API above all.

Mending folds a stream's documents from all of their history, which may take long, and whoever asks over
HTTP is not to wait that long, nor is the API's process to fold. So an order is given, in three steps that
are each quick: the stream is marked as being mended, by nobody yet (``REQUESTED``); the lease is taken over
and let go of, since under load its holder would have it for ever; the bell is rung. A mark is what a mender
that was killed leaves behind: whoever takes the lease next finds it, and mends the stream before anything
else (``read_side.parked.mending``). What came of it can be seen where it was parked: it is not there any
more, or parked with the mark gone.

- *The asker is killed between any two steps:* the mark stays, and the watchdog rings for marks (``ring``).
- *A mender has begun meanwhile, or ends:* the mark is set only on what was read, unmarked. If somebody else's
  is there, theirs is as good. If theirs came and went between the reading and the marking, and the stream
  is parked as it was, it is mended once more, which changes nothing.
- *A runner takes the lease before the mark is there:* it is taken from it afterwards. It learns that with its
  next move, as from any that take over.
- *Two ask at once:* the second finds the mark of the first. The lease is taken over twice.
"""

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

import redis

from bus.audit_trail.actions import Ended
from bus.notify.doorbells import Doorbells
from read_side.errors import LeaseLostError, RebuildNeededError
from read_side.generations.registry import Registry, State, collection_name
from read_side.parked.parking import Parked, Parking
from read_side.projections.model import ReadModel
from read_side.projector.checkpoints import Checkpoints

REQUESTED = 0
"""In place of the epoch of who mends: nobody's."""
POLL_S = 0.05


class Result(StrEnum):
    """What became of a parked stream, as ``python -m read_side parked retry`` says it."""

    MENDED = "mended"
    PARKED = "parked"
    REBUILD = "rebuild"
    BUSY = "busy"
    REFUSED = "refused"

    @property
    def ended(self) -> Ended:
        """How the audit trail calls it; of what is being mended the end is not known yet."""
        if self in {Result.MENDED, Result.BUSY}:
            return Ended.DONE if self is Result.MENDED else Ended.BEGUN
        return Ended.FAILED if self is Result.PARKED else Ended.REFUSED


@dataclass(frozen=True, slots=True)
class Mended:
    """A stream that was to be mended, and why it is not, if it is not."""

    parked: Parked
    result: Result
    detail: str = ""


class RetryRequests:
    """Given to whoever projects."""

    def __init__(
        self,
        registry: Registry,
        checkpoints: Checkpoints,
        parking: Parking,
        doorbells: Doorbells,
        owner: str,
    ) -> None:
        self._registry = registry
        self._checkpoints = checkpoints
        self._parking = parking
        self._doorbells = doorbells
        self._owner = owner

    def give(self, model: ReadModel, parked: Iterable[Parked], wait_s: float) -> list[Mended]:
        """Have streams mended that a model has parked; what has come of it after ``wait_s`` at most."""
        ordered, results = [], []
        for one in parked:
            refusal = self._refusal(model, one)
            if refusal is None:
                self._order(one)
                ordered.append(one)
            else:
                results.append(refusal)
        deadline = time.monotonic() + wait_s
        while True:
            self.ring(ordered)
            found = [self._outcome(one) for one in ordered]
            if all(one.result is not Result.BUSY for one in found) or time.monotonic() > deadline:
                return results + found
            time.sleep(POLL_S)

    def ring(self, ordered: Iterable[Parked]) -> None:
        """Ring for what is marked; while Redis is away, nobody hears of it."""
        with suppress(redis.RedisError):
            self._doorbells.ring({(one.name, one.partition) for one in ordered}, insist=True)

    def _refusal(self, model: ReadModel, parked: Parked) -> Mended | None:
        if model.sources is None:
            return Mended(parked, Result.REBUILD, str(RebuildNeededError(model.name)))
        place = collection_name(parked.name, parked.generation)
        registered = self._registry.entry(parked.name).generations.get(parked.generation)
        if registered is None or registered.state is State.GONE:
            return Mended(parked, Result.REFUSED, f"{place} is gone")
        if registered.state is State.BUILDING:
            return Mended(parked, Result.REFUSED, f"{place} is being built: wait for that, or drop it")
        if registered.version != model.version:
            detail = f"{place} is of version {registered.version}, this code of {model.version}"
            return Mended(parked, Result.REFUSED, detail)
        return None

    def _order(self, parked: Parked) -> None:
        if parked.mending is None:
            with suppress(LeaseLostError):  # somebody is mending it already, or it is mended
                self._parking.mark(parked, REQUESTED)
        lease = self._checkpoints.take_over(parked.name, parked.generation, parked.partition, self._owner)
        if lease is not None:
            self._checkpoints.release(lease)

    def _outcome(self, parked: Parked) -> Mended:
        now = self._parking.find(parked)
        if now is None:
            return Mended(parked, Result.MENDED)
        if now.mending is None:
            return Mended(now, Result.PARKED, f"still, from position {now.seq} on: {now.error}")
        return Mended(now, Result.BUSY, "it is being mended, or will be as soon as a worker gets to it")
