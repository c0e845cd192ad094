"""Requests from elsewhere, above all from the API, that the projections retry parked streams.

Mending folds a stream's documents from all of their history, which may take long. A caller over
HTTP is not to wait that long, and the API's process is not to fold. So a retry is only requested,
in three steps that are each quick. First the stream is marked as being mended, by nobody yet
(``REQUESTED``). Then the lease is taken over and let go of, since under load its holder would have
it for ever. Then the bell is rung. A mender that was killed leaves the same kind of mark behind:
the next holder of the lease finds it, and mends the stream before anything else
(``read_side.parked.mending``). The list of parked streams shows the result: the stream is not there
any more, or it is parked with the mark gone.

- *The asker is killed between any two steps:* the mark stays, and the watchdog rings for marks
  (``ring``).
- *A mender has begun meanwhile, or ends:* the mark is set only on what was read, unmarked. If
  another's mark is there, it is as good. If another's mark came and went between the reading and
  the marking, and the stream is parked as it was, it is mended once more, which changes nothing.
- *A runner takes the lease before the mark is there:* the request takes the lease from it
  afterwards. The runner learns that with its next move, as from any other that takes over.
- *Two ask at once:* the second finds the mark of the first. The lease is taken over twice.
"""

import time
from collections.abc import Iterable
from contextlib import suppress

import redis

from bus.notify.doorbells import Doorbells
from read_side.errors import LeaseLostError, RebuildNeededError
from read_side.generations.registry import Registry, State, collection_name
from read_side.parked.parking import Parked, Parking
from read_side.parked.retried import Result, Retried
from read_side.projections import by_name
from read_side.projector.checkpoints import Checkpoints

REQUESTED = 0
"""The mark in place of a mender's epoch: nobody mends it yet."""
POLL_S = 0.05


class RetryRequests:
    """Hands retries to the process that projects."""

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

    def retry(self, parked: Iterable[Parked], wait_s: float) -> list[Retried]:
        """Have parked streams retried; return what came of each within ``wait_s`` seconds."""
        deadline = time.monotonic() + wait_s
        requested, refused = [], []
        for one in parked:
            refusal = self._refusal(one)
            if refusal is None:
                self._request(one)
                requested.append(one)
            else:
                refused.append(refusal)
        while True:
            self.ring(requested)
            found = [self._outcome(one) for one in requested]
            if all(one.result is not Result.BUSY for one in found) or time.monotonic() > deadline:
                return found + refused
            time.sleep(POLL_S)

    def ring(self, requested: Iterable[Parked]) -> None:
        """Ring for the streams that are marked; while Redis is away, nobody hears of it."""
        with suppress(redis.RedisError):
            self._doorbells.ring({(one.name, one.partition) for one in requested}, insist=True)

    def _refusal(self, parked: Parked) -> Retried | None:
        place = collection_name(parked.name, parked.generation)
        try:
            model = by_name(parked.name)
        except LookupError as error:
            return Retried.of(parked, Result.REFUSED, error)
        if model.sources is None:
            return Retried.of(parked, Result.REBUILD, RebuildNeededError(model.name))
        registered = self._registry.entry(parked.name).generations.get(parked.generation)
        if registered is None or registered.state is State.GONE:
            return Retried.of(parked, Result.REFUSED, f"{place} is gone")
        if registered.state is State.BUILDING:
            return Retried.of(parked, Result.REFUSED, f"{place} is being built: wait for that, or drop it")
        if registered.version != model.version:
            detail = f"{place} is of version {registered.version}, this code of {model.version}"
            return Retried.of(parked, Result.REFUSED, detail)
        return None

    def _request(self, parked: Parked) -> None:
        if parked.mending is None:
            with suppress(LeaseLostError):  # somebody is mending it already, or it is mended
                self._parking.mark(parked, REQUESTED)
        lease = self._checkpoints.take_over(parked.name, parked.generation, parked.partition, self._owner)
        if lease is not None:
            self._checkpoints.release(lease)

    def _outcome(self, parked: Parked) -> Retried:
        now = self._parking.find(parked)
        if now is None:
            return Retried.of(parked, Result.MENDED)
        if now.mending is None:
            return Retried.still(now)
        return Retried.of(now, Result.BUSY, "it is being mended, or will be as soon as a worker gets to it")
