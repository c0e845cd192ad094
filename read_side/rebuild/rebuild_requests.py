"""Requests for rebuilds: the collection ``rebuild_requests``, a document for each read model.

The API only leaves a request. A projections' process takes it and has a child process carry it out
(``read_side.rebuild.rebuild_supervisor``). The child tells here how the rebuild goes. The registry
decides what is live and who may build it (``read_side.generations.generations``), also while a
rebuild is run from the command line. This module only decides which process sees to which request,
so that each request is seen to, and only one at a time.

``requested`` → ``running`` → ``succeeded``, ``failed`` or ``stopped``; and from ``running`` back to
``requested`` when the process that ran it was told to stop or died. Each step is one update that
matches what it rests on, so each of these cases ends in one way:

- *Two ask at once.* Each sends an upsert that matches no open request. One of them inserts or
  replaces the document. For the other the document is an open request, so its own insert is a
  duplicate key, and it is told that there is a request.
- *Two processes take at once*, the same request or two: only running requests have the field
  ``running``, which has a unique index. One update is first; the other matches nothing, or is a
  duplicate key. No clock decides that. A clock decides only when a silent process counts as dead.
- *The process that runs it is killed* (``kill -9``): nobody renews its lease. Once the lease has
  run out, by mongod's clock, the next process that looks gives the request back with one death
  more, and some process takes it. That process goes on with the generation that was begun
  (``read_side.rebuild.rebuild``), once the registry's lease has run out.
- *That process was not dead*, only slow: taking the request again raises its epoch, and everything
  that the slow process tells matches the epoch that it was given. So the slow process learns of it
  the next time it tells something, within a second or so, and stops. Until then the registry's
  lease arbitrates what it does to generations, as between two rebuilds from the command line.
- *Somebody asks to stop it while it is taken or while its process dies*: the wish is a field of the
  document. If the request is still ``requested``, it is stopped at once. If it runs, its process
  hears of the wish the next time it tells something. If its process is dead, the request is stopped
  instead of given back.
- *The process is killed after the new generation went live and before it told that*: the next
  process finds that the very generation that this request was building is live, and only tells so.

A request that has killed ``MOST_DEATHS`` processes fails: something is wrong with it. A request
names the version that the model's code had where the request was made; only processes with that
version or a later one take it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pymongo import ASCENDING, ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from bus.connections.clients import DURABLE, StoredDocument
from bus.primitives.database_time import from_now, is_past, shorten
from read_side.errors import RebuildLostError
from read_side.projections.model import ReadModel

COLLECTION = "rebuild_requests"
MOST_DEATHS = 3
START_MS = 20_000
"""The least lease of a request just taken, in ms: a process has to start, on a busy machine."""
SILENCE_MS = 5_000
"""The least time, in ms, that its process may be silent after that."""


class RequestState(StrEnum):
    """The state of a request."""

    REQUESTED = "requested"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"


OPEN = [RequestState.REQUESTED.value, RequestState.RUNNING.value]
_RUNNING = {"state": RequestState.RUNNING.value}
_EXPIRED = {"$expr": is_past("$expires_at")}
_WISHED_TO_STOP = {"$eq": ["$stop", True]}


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to carry out a request, as long as nobody has a higher epoch."""

    name: str
    epoch: int
    generation: int | None = None
    """The generation that an earlier holder was building for the same request."""


class RebuildRequests:
    """The requests in one read database."""

    def __init__(self, database: Database[StoredDocument], lease_ms: int = 10_000) -> None:
        self._requests = database.get_collection(COLLECTION, write_concern=DURABLE)
        self._start_ms = max(lease_ms, START_MS)
        self._silence_ms = max(lease_ms, SILENCE_MS)

    def create(self) -> None:
        """Make the index that lets only one request run at a time; idempotent."""
        self._requests.create_index(
            [("running", ASCENDING)],
            unique=True,
            partialFilterExpression={"running": True},
            name="one_at_a_time",
        )

    # For who asks.

    def request(self, model: ReadModel, by: str) -> StoredDocument | None:
        """Ask for a rebuild; return ``None`` if one of the model is requested or running."""
        fresh = {
            "_id": model.name,
            "state": RequestState.REQUESTED.value,
            "version": model.version,
            "requested_at": "$$NOW",
            "requested_by": {"$literal": by},
            "deaths": 0,
            "epoch": {"$add": [{"$ifNull": ["$epoch", 0]}, 1]},
        }
        try:
            return self._requests.find_one_and_update(
                {"_id": model.name, "state": {"$nin": OPEN}},
                [{"$replaceWith": fresh}],
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        except DuplicateKeyError:
            return None

    def stop(self, name: str) -> StoredDocument | None:
        """Stop a request or have its rebuild stopped; return ``None`` if there is none to stop."""
        waits = {"$eq": ["$state", RequestState.REQUESTED.value]}
        changes = {
            "stop": True,
            "state": {"$cond": [waits, RequestState.STOPPED.value, "$state"]},
            "finished_at": {"$cond": [waits, "$$NOW", None]},
        }
        return self._requests.find_one_and_update(
            {"_id": name, "state": {"$in": OPEN}}, [{"$set": changes}], return_document=ReturnDocument.AFTER
        )

    def all(self) -> Mapping[str, StoredDocument]:
        """Return the latest request of each model; ``silent`` says that its process may be dead."""
        silent = {"$and": [{"$eq": ["$state", "running"]}, is_past("$expires_at")]}
        found = self._requests.aggregate([{"$set": {"silent": silent}}])
        return {stored["_id"]: stored for stored in found}

    # For who carries it out.

    def take(self, models: Iterable[ReadModel], owner: str) -> Claim | None:
        """Take the oldest request that this code can carry out, if none is running.

        While no request is open this is one small query.
        """
        opened = list(self._requests.find({"state": {"$in": OPEN}}, {"state": True}))
        if any(stored["state"] == RequestState.RUNNING for stored in opened):
            shorten(self._requests, _RUNNING, "expires_at", self._start_ms)
            self._changed({**_RUNNING, **_EXPIRED}, _after_a_death("its process fell silent"))
        elif not opened:
            return None
        mine = [{"_id": model.name, "version": {"$lte": model.version}} for model in models]
        changes = {
            "state": RequestState.RUNNING.value,
            "running": True,
            "owner": {"$literal": owner},
            "epoch": {"$add": ["$epoch", 1]},
            "expires_at": from_now(self._start_ms),
            "started_at": {"$ifNull": ["$started_at", "$$NOW"]},
            "phase": "starting",
        }
        try:
            taken = self._requests.find_one_and_update(
                {"state": RequestState.REQUESTED.value, "$or": mine},
                [{"$set": changes}],
                sort=[("requested_at", ASCENDING)],
                return_document=ReturnDocument.AFTER,
            )
        except DuplicateKeyError:  # another one is running
            return None
        return Claim(taken["_id"], taken["epoch"], taken.get("generation")) if taken else None

    def tell(self, claim: Claim, **progress: Any) -> bool:
        """Store how the rebuild goes and keep the request; return True if the rebuild is to stop.

        Raises:
            RebuildLostError: somebody else has the request by now.

        """
        changes: StoredDocument = {name: {"$literal": value} for name, value in progress.items()}
        changes["expires_at"] = from_now(self._silence_ms)
        told = self._requests.find_one_and_update(_held(claim), [{"$set": changes}], {"stop": True})
        if told is None:
            raise RebuildLostError(f"somebody else sees to the rebuild of {claim.name}")
        return bool(told.get("stop"))

    def succeed(self, claim: Claim, result: Mapping[str, Any] | None) -> bool:
        """End the request as succeeded.

        Return ``False`` if the claim no longer holds; then nothing happens. The next three methods
        do the same.
        """
        ended = _ended(RequestState.SUCCEEDED)
        return self._changed(_held(claim), {**ended, "result": {"$literal": result}})

    def fail(self, claim: Claim, error: str) -> bool:
        """End the request as failed: it cannot be done as things are, and is not tried again."""
        return self._changed(_held(claim), {**_ended(RequestState.FAILED), "error": {"$literal": error}})

    def give_back(self, claim: Claim) -> bool:
        """Give the request back, as its holder was told to stop.

        Another process goes on with it, unless the request itself is to stop.
        """
        return self._changed(_held(claim), _returned(_WISHED_TO_STOP))

    def bury(self, claim: Claim, error: str) -> bool:
        """Give the request back, as its holder died without a word.

        Another process goes on with it, unless it is to stop or has killed ``MOST_DEATHS``
        processes.
        """
        return self._changed(_held(claim), _after_a_death(error))

    def _changed(self, where: Mapping[str, Any], changes: Mapping[str, Any]) -> bool:
        ends = {"$unset": ["running", "owner", "expires_at"]}
        return bool(self._requests.update_many(where, [{"$set": changes}, ends]).matched_count)


def _held(claim: Claim) -> StoredDocument:
    return {"_id": claim.name, "state": RequestState.RUNNING.value, "epoch": claim.epoch}


def _ended(state: RequestState) -> StoredDocument:
    return {"state": state.value, "finished_at": "$$NOW", "phase": None, "left_s": None}


def _returned(stopped: Any) -> StoredDocument:
    requested = RequestState.REQUESTED.value
    return {
        **_ended(RequestState.STOPPED),
        "state": {"$cond": [stopped, RequestState.STOPPED.value, requested]},
        "finished_at": {"$cond": [stopped, "$$NOW", None]},
    }


def _after_a_death(error: str) -> StoredDocument:
    deaths = {"$add": ["$deaths", 1]}
    too_many = {"$gte": [deaths, MOST_DEATHS]}
    returned = _returned({"$or": [_WISHED_TO_STOP, too_many]})
    failed = {"$and": [too_many, {"$not": [_WISHED_TO_STOP]}]}
    return {
        **returned,
        "deaths": deaths,
        "state": {"$cond": [failed, RequestState.FAILED.value, returned["state"]]},
        "error": {"$cond": [failed, {"$literal": f"given up: {MOST_DEATHS} times, lastly {error}"}, None]},
    }
