"""Tells the latest rebuild of each read model, however it was started.

A request tells of its own rebuild. A rebuild from the command line leaves no request.
While it runs, the registry tells who has its lease, and the checkpoints tell how far the generation
that it builds has got. Once it is over, the registry tells what it has left there. If there are
both, the later one is told: both have their times from mongod.
"""

from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import TypedDict

from pymongo.database import Database

from bus.connections.clients import StoredDocument
from bus.log.log import Log
from read_side.generations.registry import COLLECTION, Generation, RegistryEntry, State
from read_side.projector.checkpoints import Checkpoints
from read_side.rebuild.rebuild_requests import OPEN, RebuildRequests, RequestState

READY = "ready"
"""The state of a rebuild that has left its generation beside the live one, as it was told to."""
SILENT = "its process does not answer: another one goes on when its time is up"


class RebuildResult(TypedDict):
    """The result of a rebuild.

    ``parked`` counts streams. ``differences`` counts the documents that differ from those of the
    generation before.
    """

    commits: int
    seconds: float
    parked: int
    differences: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildStatus:
    """The latest rebuild of a read model; unknown fields are ``null``. Times are mongod's.

    ``done`` of ``total`` commits are read, at ``per_s`` commits a second; the rest takes ``left_s``
    seconds.
    """

    read_model: str
    state: str
    """A ``RequestState``, or ``READY``."""
    requested_at: datetime | None = None
    requested_by: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    generation: int | None = None
    phase: str | None = None
    done: int | None = None
    total: int | None = None
    per_s: float | None = None
    left_s: float | None = None
    result: RebuildResult | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Registered:
    """The registry's entry of a read model, and the name of the process that rebuilds it now."""

    entry: RegistryEntry
    builder: str | None

    @property
    def newest(self) -> Generation | None:
        """The generation that the latest rebuild has made, if there was any."""
        made = (g for g in self.entry.generations.values() if g.since and g.state is not State.GONE)
        return max(made, key=lambda generation: generation.number, default=None)


class RebuildStatuses:
    """Looks at requests, registry and checkpoints."""

    def __init__(self, database: Database[StoredDocument], log: Log) -> None:
        self._read_models = database[COLLECTION]
        self._requests = RebuildRequests(database)
        self._checkpoints = Checkpoints(database)
        self._log = log

    def registered(self) -> dict[str, Registered]:
        """Return what the registry has, by read model."""
        held = {"$gt": ["$rebuild.expires_at", "$$NOW"]}  # not so if nobody ever had it
        return {
            stored["_id"]: Registered(
                RegistryEntry.from_stored(stored), stored["rebuild"].get("owner") if stored["held"] else None
            )
            for stored in self._read_models.aggregate([{"$set": {"held": held}}, {"$sort": {"_id": 1}}])
        }

    def builder(self, name: str) -> str | None:
        """Return the name of the process that is rebuilding a model now, if there is one."""
        registered = self.registered().get(name)
        return registered.builder if registered is not None else None

    def look(self) -> list[RebuildStatus]:
        """Return a row, by name, for each model whose rebuild is requested, under way or over."""
        requests, registered = self._requests.all(), self.registered()
        names = sorted(requests.keys() | registered.keys())
        rows = (seen(name, requests.get(name), registered.get(name)) for name in names)
        return [self._with_progress(row) for row in rows if row is not None]

    def _with_progress(self, row: RebuildStatus) -> RebuildStatus:
        """Add to the row of a rebuild that runs without a request how far it is."""
        if row.state != RequestState.RUNNING or row.requested_at or row.generation is None:
            return row
        found = self._checkpoints.found({"name": row.read_model, "generation": row.generation})
        done = sum(checkpoint.position for checkpoint in found)
        return replace(row, done=done, total=max(done, sum(self._log.heads())))


def seen(name: str, request: StoredDocument | None, registered: Registered | None) -> RebuildStatus | None:
    """Return the row of one read model, if there is anything to tell."""
    if request is not None and request["state"] in OPEN:
        return of_request(request)
    newest = registered.newest if registered is not None else None
    if registered is not None and registered.builder is not None:
        unfinished = newest if newest is not None and not newest.was_live else None
        return RebuildStatus(
            read_model=name,
            state=RequestState.RUNNING,
            requested_by=registered.builder,
            started_at=unfinished.since if unfinished is not None else None,
            generation=unfinished.number if unfinished is not None else None,
        )
    if newest is not None and (request is None or _is_later(newest, request)):
        return _left(name, newest)
    return None if request is None else of_request(request)


def _is_later(generation: Generation, request: StoredDocument) -> bool:
    """Return True if the generation changed after the request finished, and not because of it."""
    if (request["state"], request.get("generation")) == (RequestState.SUCCEEDED, generation.number):
        return False
    return generation.since is not None and generation.since > request["finished_at"]


def _left(name: str, newest: Generation) -> RebuildStatus:
    """Return the row for what a rebuild without a request has left."""
    if newest.was_live:
        state, finished_at = RequestState.SUCCEEDED.value, newest.since
    elif newest.state is State.BUILDING:
        state, finished_at = RequestState.STOPPED.value, None
    else:
        state, finished_at = READY, newest.since
    return RebuildStatus(read_model=name, state=state, finished_at=finished_at, generation=newest.number)


def of_request(request: StoredDocument) -> RebuildStatus:
    """Return the row that the request's own document tells."""
    told = {field.name: request[field.name] for field in fields(RebuildStatus) if field.name in request}
    if request.get("silent"):
        told["phase"] = SILENT
    return RebuildStatus(read_model=request["_id"], **told)
