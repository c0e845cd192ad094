"""Health: whether the process lives, and whether it can serve.

The service is degraded but ready in three cases. In each of them a balancer that took the API out
would take away what still works.

- Redis is away. It only brings hurry: without it the API serves reads and keeps commands.
- Workers are missing. Accepted commands wait for them. Reads get older, and a caller that asks is
  told.
- The analytics count by the days of another time zone than ``SHOP_TIME_ZONE``. They say which, and
  are to be rebuilt.

The service is not ready without MongoDB, before the projections have run for the first time, and
while it drains.

A thread of its own asks the parts once a second (``ReadinessWatch``), however many callers ask. A
request is answered with what the thread found last, and touches nothing. So the server can answer
it beside its queue (``api.server.listener``) when all other threads wait for a database that is
away. If the thread hangs or has died, its findings get old, and the answer is that this process is
not ready.
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
from bus.connections.clients import StoredDocument, probe_redis
from bus.messages.principal import Role
from bus.observability.heartbeats import WORKERS, alive
from bus.observability.logs import logger
from read_side.projections import READ_MODELS
from read_side.projector.checkpoints import Checkpoints

UNAVAILABLE = "unavailable"
UNKNOWN = "unknown"
STALE = "stale"
PROBE_S = 0.8
"""The seconds that MongoDB has to answer a probe; a balancer often waits only a few seconds."""
WATCH_EVERY_S = 1.0
STALE_S = 10.0
"""The age in seconds from which findings are too old.

To ask all parts takes some 7 s if each takes its time to fail.
"""
Found = Mapping[str, str]
"""The state of each part, in words."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A way to ask one part; ``ask`` returns its state in words, ``ok`` if all is well."""

    ask: Callable[[], str]
    needed: bool = True
    """True if the API can serve nothing without it."""
    through: str | None = None
    """The part that it depends on. While that is away, nobody asks this one, so no waits add up."""


def probes(  # noqa: PLR0913 - one for each part
    write: Database[StoredDocument],
    read: Database[StoredDocument],
    client: redis.Redis,
    checkpoints: Checkpoints,
    *,
    prepared: Callable[[], bool],
    of_other_zones: Callable[[], Sequence[str]] = tuple,
    listening: Callable[[], bool] = lambda: True,
    draining: Callable[[], bool] = lambda: False,
) -> Mapping[str, Probe]:
    """Return the parts of the service.

    ``prepared`` says whether the write collections are known to exist. ``listening`` says whether
    the thread that hears announcements lives. ``draining`` says whether the process has been told
    to stop. ``of_other_zones`` names the read models that count by the days of another time zone
    than is configured.
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
    """``/health/ready``: names every part, to operators alone if there is a ``verifier``.

    If the service is not ready, the answer is a problem, which names the parts as well.
    """

    def __init__(
        self,
        probes: Mapping[str, Probe],
        found: Callable[[], Found] | None = None,
        verifier: Verifier | None = None,
    ) -> None:
        """``found`` returns the state of the parts; without it each request asks them.

        With a ``verifier`` only operators are told of the parts.
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
        """Tell the thread to end after the round under way; do not wait for that."""
        self._stopping.set()

    def found(self) -> Found:
        """Return what was found last; every part is ``stale`` if that was too long ago."""
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
