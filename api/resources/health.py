"""Health: whether the process lives, and whether it can serve.

Redis only brings hurry: without it reads are served and commands are kept, so the service is degraded but
ready. So it is while workers are missing: what is accepted waits for them, and what is read gets older,
which callers are told where they ask. So it is, too, while the analytics count by the days of another time
zone than ``SHOP_TIME_ZONE``: they say which, and are to be rebuilt. A balancer that took the API out for that
would take away what still works. Without MongoDB, or before the projections have run for the first time, it
is not ready, nor while it drains.

However many ask, the parts are asked once a second, by a thread of its own (``ReadinessWatch``). Requests are
answered with what it found last, and touch nothing: so the server can answer them beside its queue
(``api.server.listener``), when all other threads wait for a database that is away. If the thread hangs or
has died, what it found gets old, and the answer is that this process is not ready.
"""

import threading
import time
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
from bus.observability.logs import logger
from read_side.projections import READ_MODELS
from read_side.projector.checkpoints import Checkpoints

UNAVAILABLE = "unavailable"
UNKNOWN = "unknown"
STALE = "stale"
PROBE_S = 0.8
"""How long MongoDB may take to answer a probe; a balancer's own patience is often a few seconds."""
WATCH_EVERY_S = 1.0
STALE_S = 10.0
"""If every part takes its time to fail, it takes some 7 s to ask them all."""
Found = Mapping[str, str]
"""What was found of each part, in words."""


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


class LiveResource:
    """``/health/live``: touches nothing."""

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        live: Liveness = {"status": "live"}
        answer(resp, live)


class ReadyResource:
    """``/health/ready``: names every part. Not ready is a problem, which names them as well."""

    def __init__(
        self,
        probes: Mapping[str, Probe],
        found: Callable[[], Found] | None = None,
        verifier: Verifier | None = None,
    ) -> None:
        """``found`` tells of the parts; without it they are asked for each request.

        With a ``verifier`` only operators are told of them.
        """
        self._probes = probes
        self._found = found or (lambda: ask_all(probes))
        self._verifier = verifier

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        details = self._verifier is None or _is_operator(req, self._verifier)
        found = self._found()
        ill = {name for name, said in found.items() if said != "ok"}
        if any(self._probes[name].needed for name in ill):
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
    return {"parts": dict(parts)} if details else {}


def _is_operator(req: falcon.Request, verifier: Verifier) -> bool:
    try:
        return verifier.principal(req.get_header("Authorization")).role is Role.OPS
    except ProblemError:
        return False


class ReadinessWatch:
    """A thread that asks all parts, with a pause of a second, from ``start`` to ``stop``."""

    def __init__(self, probes: Mapping[str, Probe], every_s: float = WATCH_EVERY_S) -> None:
        self._probes = probes
        self._every_s = every_s
        self._found: Found = dict.fromkeys(probes, "starting")
        self._found_at = time.monotonic()
        self._stopping = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="readiness", daemon=True).start()

    def stop(self) -> None:
        """It ends with the round under way, and nobody waits for it."""
        self._stopping.set()

    def found(self) -> Found:
        """What was found last; every part is ``stale`` if that was too long ago."""
        if time.monotonic() - self._found_at > STALE_S:
            return dict.fromkeys(self._probes, STALE)
        return self._found

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._found = ask_all(self._probes)
            except Exception:  # noqa: BLE001 - told; what was found gets stale if it goes on
                logger.exception("the parts could not be asked whether they are ready")
            else:
                self._found_at = time.monotonic()
            self._stopping.wait(self._every_s)


def ask_all(probes: Mapping[str, Probe]) -> Found:
    found: dict[str, str] = {}
    for name, probe in probes.items():
        reachable = probe.through is None or found[probe.through] != UNAVAILABLE
        found[name] = _ask(probe) if reachable else UNKNOWN
    return found


def _ask(probe: Probe) -> str:
    try:
        with pymongo.timeout(PROBE_S):
            return probe.ask()
    except (PyMongoError, redis.RedisError):
        return UNAVAILABLE
