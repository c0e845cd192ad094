"""Health: whether the process lives, and whether it can serve.

Redis only brings hurry: without it reads are served and commands are kept, so the service is degraded but
ready. So it is while workers are missing: what is accepted waits for them, and what is read gets older,
which callers are told where they ask. So it is, too, while the analytics count by the days of another time
zone than ``SHOP_TIME_ZONE``: they say which, and are to be rebuilt. A balancer that took the API out for that
would take away what still works. Without MongoDB, or before the projections have run for the first time, it
is not ready, nor while it drains.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import falcon
import pymongo
import redis
from pymongo.database import Database
from pymongo.errors import PyMongoError

from api.http.answers import answer, to_json
from api.http.problems import MEDIA_TYPE, Problem, ProblemError
from api.middleware.auth import Verifier
from api.resources.shapes import Liveness, NotReady, Parts, Readiness
from bus.connections.clients import Documents, probe_redis
from bus.messages.principal import Role
from bus.observability.heartbeats import WORKERS, alive
from read_side.projections import READ_MODELS
from read_side.projector.checkpoints import Checkpoints

UNAVAILABLE = "unavailable"
UNKNOWN = "unknown"
PROBE_S = 0.8
"""How long MongoDB may take to answer a probe; a balancer's own patience is often a few seconds."""


@dataclass(frozen=True, slots=True)
class Probe:
    """How to ask one part; what it answers in words, ``ok`` if all is well."""

    ask: Callable[[], str]
    needed: bool = True
    """Whether nothing can be served without it."""
    through: str | None = None
    """The part that answers for it: while that is ill this one is not asked, so that waits do not add up."""


def probes(  # noqa: PLR0913 - one for each part
    write: Database[Documents],
    read: Database[Documents],
    client: redis.Redis,
    checkpoints: Checkpoints,
    *,
    prepared: Callable[[], bool],
    of_other_zones: Callable[[], Sequence[str]] = tuple,
    listening: Callable[[], bool] = lambda: True,
    draining: Callable[[], bool] = lambda: False,
) -> Mapping[str, Probe]:
    """The parts of the service.

    ``prepared`` says whether the write collections are known to exist, ``listening`` whether the thread
    that hears announcements lives, ``draining`` whether the process has been told to stop. ``of_other_zones``
    names the read models that count by the days of another time zone than is configured.
    """

    def write_store() -> str:
        write.command("ping")
        return "ok" if prepared() else "starting"

    def read_store() -> str:
        read.command("ping")
        return "ok"

    def read_models() -> str:
        return "ok" if checkpoints.started(model.name for model in READ_MODELS) else "starting"

    def time_zone() -> str:
        to_rebuild = of_other_zones()
        return f"rebuild {', '.join(to_rebuild)}" if to_rebuild else "ok"

    def bus() -> str:
        probe_redis(client)
        return "ok" if listening() else "deaf"

    def workers(kind: str) -> Callable[[], str]:
        return lambda: "ok" if alive(write).get(kind) else "no heartbeat"

    return {
        "process": Probe(lambda: "draining" if draining() else "ok"),
        "write_store": Probe(write_store),
        "read_store": Probe(read_store),
        "read_models": Probe(read_models, through="read_store"),
        "time_zone": Probe(time_zone, needed=False, through="read_store"),
        "bus": Probe(bus, needed=False),
        **{kind: Probe(workers(kind), needed=False, through="write_store") for kind in WORKERS},
    }


class Live:
    """``/health/live``: touches nothing."""

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        live: Liveness = {"status": "live"}
        answer(resp, live)


class Ready:
    """``/health/ready``: asks every part. Not ready is a problem, which names the parts as well."""

    def __init__(self, parts: Mapping[str, Probe], verifier: Verifier | None = None) -> None:
        """With a ``verifier`` only operators are told of the parts."""
        self._parts = parts
        self._verifier = verifier

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        details = self._verifier is None or _is_operator(req, self._verifier)
        found: dict[str, str] = {}
        for name, probe in self._parts.items():
            reachable = probe.through is None or found[probe.through] != UNAVAILABLE
            found[name] = _ask(probe) if reachable else UNKNOWN
        ill = {name for name, said in found.items() if said != "ok"}
        if any(self._parts[name].needed for name in ill):
            detail = "Some parts are not there: see parts." if details else "Some parts are not there."
            problem = Problem(HTTPStatus.SERVICE_UNAVAILABLE, "not-ready", detail)
            not_ready: NotReady = {**problem.document(), **_told(found, details=details)}
            resp.status = int(HTTPStatus.SERVICE_UNAVAILABLE)
            resp.set_header("Retry-After", "1")
            resp.content_type = MEDIA_TYPE
            resp.data = to_json(not_ready)
            return
        readiness: Readiness = {"status": "degraded" if ill else "ready", **_told(found, details=details)}
        answer(resp, readiness)


def _told(parts: Mapping[str, str], *, details: bool) -> Parts:
    return {"parts": parts} if details else {}


def _is_operator(req: falcon.Request, verifier: Verifier) -> bool:
    try:
        return verifier.principal(req.get_header("Authorization")).role is Role.OPS
    except ProblemError:
        return False


def _ask(probe: Probe) -> str:
    try:
        with pymongo.timeout(PROBE_S):
            return probe.ask()
    except (PyMongoError, redis.RedisError):
        return UNAVAILABLE
