"""``/ops/parked``: shows the streams that read models have parked, and has them retried.

The API only requests the retry (``read_side.parked.retry_requests``); the answer waits for it for
up to ``WAIT_S``.
"""

import falcon

from api.http import bodies, queries
from api.http.answers import answer
from api.http.problems import not_found
from api.ops.repair_bodies import ParkedQuery, ParkedStream
from api.ops.repair_shapes import ParkedList, ParkedRow, Remedy, RetriedList
from api.ops.repairs import Repairs
from bus.log.log import Log
from read_side.generations.registry import STAYING, RegistryEntry
from read_side.parked.parking import Parked
from read_side.parked.retried import Result
from read_side.projections import READ_MODELS

WAIT_S = 1.5
"""The seconds that an answer waits for a retry; most streams take some milliseconds.

A request is not to take long, and its database has 2.5 s for it.
"""
_RETRIED = {model.name for model in READ_MODELS if model.sources}


class ParkedStreams:
    """``/ops/parked``."""

    def __init__(self, repairs: Repairs) -> None:
        self._parking = repairs.parking
        self._log = repairs.log
        self._registry = repairs.registry

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        limit = queries.read(req, ParkedQuery).limit
        found = self._parking.every(limit + 1)
        told: ParkedList = {
            "parked": [_row(self._log, self._registry.entry(one.name), one) for one in found[:limit]],
            "more": len(found) > limit,
        }
        answer(resp, told)


class RetryParked:
    """``/ops/parked/retry``."""

    def __init__(self, repairs: Repairs) -> None:
        self._repairs = repairs

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        queries.read(req, queries.NoQuery)
        meant = bodies.read(req, ParkedStream).body
        target = {"read_model": meant.read_model or "all", "stream": meant.stream}
        with req.context.attempt(target) as attempt, self._repairs.slots.one() as free:
            parked = self._repairs.parking.of_stream(meant.stream, meant.read_model)
            if not parked:
                raise not_found("parked stream", meant.stream)
            results = self._repairs.retry_requests.retry(parked, WAIT_S if free else 0)
            worst = max((one.result for one in results), key=list(Result).index)
            attempt.outcome, attempt.detail = worst.ended, worst
        told: RetriedList = {"results": results}
        answer(resp, told)


def _remedy(entry: RegistryEntry, parked: Parked) -> Remedy:
    if entry.state_of(parked.generation) not in STAYING:
        return "none"
    return "retry" if parked.name in _RETRIED else "rebuild"


def _row(log: Log, entry: RegistryEntry, parked: Parked) -> ParkedRow:
    return {
        "read_model": parked.name,
        "generation": parked.generation,
        "partition": parked.partition,
        "stream": parked.stream,
        "seq": parked.seq,
        "since": parked.since,
        "error": parked.error,
        "waiting": log.waiting(parked.partition, parked.stream, parked.seq),
        "remedy": _remedy(entry, parked),
    }
