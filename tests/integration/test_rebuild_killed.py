"""``python -m read_side rebuild`` and a projections' worker as processes; the rebuild is killed."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from bus.connections.clients import StoredDocument, read_database, write_database
from bus.log.log import Log
from bus.settings import Settings
from read_side.audit.audit import audit
from read_side.generations.registry import Registry
from read_side.projections.order_detail import ORDER_DETAIL
from read_side.projections.order_summary import ORDER_SUMMARY
from tests.integration import long_log
from tests.integration.late_writer import unfilled
from tests.support.processes import ROOT, Process
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(600)

PARTITIONS = 4
EVENTS = 3_000
DONE_S = 120.0
NAME = ORDER_SUMMARY.name


class Running:
    """The worker, and rebuilds of two models."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.environ = {
            **os.environ,
            "REDIS_URL": settings.redis_url.get_secret_value(),
            "WRITE_MONGODB_URI": settings.write_mongodb_uri.get_secret_value(),
            "WRITE_DATABASE": settings.write_database,
            "READ_MONGODB_URI": settings.read_mongodb_uri.get_secret_value(),
            "READ_DATABASE": settings.read_database,
            "LOG_PARTITIONS": str(PARTITIONS),
            "LEASE_MS": "1000",
            "HOLE_GRACE_MS": "60000",
        }
        worker = f"exec {sys.executable} -m read_side worker"
        self.worker = Process("projections", worker, self.environ, folder / "projections.log")
        self.read: Database[StoredDocument] = read_database(settings)

    def rebuild(self, *options: str, **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "read_side", "rebuild", NAME, ORDER_DETAIL.name, "--json", *options],
            cwd=ROOT,
            env={**self.environ, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def positions(self, name: str, generation: int) -> int:
        found = self.read.checkpoints.find({"name": name, "generation": generation})
        return sum(stored["position"] for stored in found)

    def state(self) -> str:
        """Of the newest generation of the first model."""
        stored: Any = self.read.read_models.find_one({"_id": NAME})
        newest = str(max(map(int, stored["generations"])))
        if stored["live"] == int(newest) and stored["live"] > 1:
            return "live"
        return str(stored["generations"][newest]["state"]) if int(newest) > 1 else "none"


@pytest.fixture
def log(settings: Settings) -> Iterator[Log]:
    database = write_database(settings)
    with database.client:
        yield long_log.append(database, PARTITIONS, EVENTS, renames=5)


@pytest.fixture
def running(settings: Settings, log: Log, tmp_path: Path) -> Iterator[Running]:
    running = Running(settings, tmp_path)
    running.worker.start()
    try:
        until(lambda: running.positions(NAME, 1) == EVENTS, DONE_S, "the worker has read the log")
        until(lambda: running.positions(ORDER_DETAIL.name, 1) == EVENTS, DONE_S, "the worker has read it all")
        yield running
    finally:
        running.worker.stop()
        running.read.client.close()


def _finish(running: Running, rebuild: subprocess.Popen[str]) -> list[dict[str, Any]]:
    try:
        told, errors = rebuild.communicate(timeout=DONE_S)
    except subprocess.TimeoutExpired:
        os.killpg(rebuild.pid, signal.SIGKILL)
        told, errors = rebuild.communicate()
        pytest.fail(f"not done: {told}\n{errors}\n{running.worker.tail()}")
    assert rebuild.returncode == 0, f"{errors}\n{running.worker.tail()}"
    results: list[dict[str, Any]] = json.loads(told)
    return results


def _kill(rebuild: subprocess.Popen[str], *, alone: bool) -> None:
    """``kill -9``, of its children, too, or of itself alone."""
    if rebuild.poll() is None:
        (os.kill if alone else os.killpg)(rebuild.pid, signal.SIGKILL)
    rebuild.communicate(timeout=DONE_S)


def test_killed_anywhere_it_leaves_what_is_live_and_goes_on(log: Log, running: Running) -> None:
    draw = random.Random(os.urandom(8))
    points: list[tuple[str, Callable[[], bool]]] = [
        ("begun", lambda: running.state() != "none"),
        ("at random", lambda: draw.random() < 0.05),
        ("in the middle of the filling", lambda: running.positions(NAME, 2) > draw.randrange(EVENTS)),
        ("ready", lambda: running.state() in {"ready", "live"}),
    ]
    for number, (point, reached) in enumerate(points):
        before = Registry(running.read).live(NAME)
        rebuild = running.rebuild()
        until(lambda: reached() or rebuild.poll() is not None, DONE_S, point)  # noqa: B023 - called at once
        _kill(rebuild, alone=bool(number % 2))
        assert Registry(running.read).live(NAME) == before or running.state() == "live"
        assert audit(log, running.read, [ORDER_SUMMARY, ORDER_DETAIL]) == [], point
    results = _finish(running, _retried(running))
    assert {result["read_model"] for result in results} == {NAME, ORDER_DETAIL.name}
    assert not any(result["comparison"]["changes"] for result in results), results
    assert audit(log, running.read, [ORDER_SUMMARY, ORDER_DETAIL]) == []
    assert Registry(running.read).live(NAME) > 1


def _retried(running: Running) -> subprocess.Popen[str]:
    """A rebuild that begins once the killed one's lease has run out."""

    def expired() -> bool:
        where = {"$expr": {"$gt": ["$rebuild.expires_at", "$$NOW"]}}
        return running.read.read_models.count_documents(where) == 0

    until(expired, DONE_S, "the lease of the killed rebuild runs out")
    return running.rebuild()


def test_told_to_stop_it_says_so_and_leaves_its_lease(log: Log, running: Running) -> None:
    with unfilled(log):  # it is not done before it is told
        rebuild = running.rebuild("--processes", "2")
        until(lambda: running.positions(NAME, 2) > 0, DONE_S, "it fills")
        rebuild.terminate()
        _, errors = rebuild.communicate(timeout=DONE_S)
    assert (rebuild.returncode, "told to stop" in errors) == (1, True), errors
    assert running.state() == "building"
    held = {"$expr": {"$gt": ["$rebuild.expires_at", "$$NOW"]}}
    assert running.read.read_models.count_documents(held) == 0
    assert _finish(running, running.rebuild())[0]["generation"] == 2


def test_a_killed_one_can_be_dropped_while_its_children_may_live_on(log: Log, running: Running) -> None:
    with unfilled(log):  # it is not done before it is killed
        rebuild = running.rebuild("--processes", "2")
        until(lambda: running.positions(NAME, 2) > 0, DONE_S, "it fills")
        os.kill(rebuild.pid, signal.SIGKILL)

    def drop() -> bool:
        command = [sys.executable, "-m", "read_side", "drop", f"{NAME}.g2"]
        done = subprocess.run(command, cwd=ROOT, env=running.environ, capture_output=True, check=False)
        return done.returncode == 0

    until(drop, DONE_S, "the lease runs out and it can be dropped")
    rebuild.communicate(timeout=DONE_S)
    traces = {"name": NAME, "generation": 2}
    until(lambda: running.state() == "none", DONE_S, "a worker has deleted what is left of it")
    assert running.read.checkpoints.count_documents(traces) == 0
    until(
        lambda: f"{NAME}.g2" not in running.read.list_collection_names(), DONE_S, "its collection is deleted"
    )
    assert audit(log, running.read, [ORDER_SUMMARY]) == []


def test_two_at_once_do_not_disturb_each_other(log: Log, running: Running) -> None:
    first, second = (running.rebuild(LEASE_MS="10000") for _ in range(2))  # no lease runs out meanwhile
    told = [process.communicate(timeout=DONE_S) for process in (first, second)]
    codes = sorted((first.returncode, second.returncode))
    refused = [errors for _, errors in told if "is being rebuilt by rebuild" in errors]
    # The second model may be refused to the one or to the other; who comes late enough begins a third one.
    assert codes in ([0, 0], [0, 1], [1, 1]), told
    assert len(refused) == codes.count(1), told
    assert audit(log, running.read, [ORDER_SUMMARY, ORDER_DETAIL]) == []
    assert running.state() in {"live", "ready"}
