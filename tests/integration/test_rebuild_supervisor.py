"""Requested rebuilds in projections' workers as processes, which are killed and told to stop meanwhile."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from api.local.mongod import Mongod
from api.local.redis_server import RedisServer
from bus.connections.clients import StoredDocument, read_database, write_database
from bus.log.log import Log
from bus.settings import Settings
from read_side.audit.audit import audit
from read_side.projections import by_name
from read_side.projections.order_detail import ORDER_DETAIL
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.rebuild.rebuild_requests import RebuildRequests
from tests.integration import long_log
from tests.integration.late_writer import unfilled
from tests.support.processes import Process
from tests.support.shop_api import settings_for_a_module
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(600)

PARTITIONS = 4
EVENTS = 6_000
DONE_S = 120.0
STOPPED_S = 4.5
"""A supervisor kills after 5 s."""
NAME = ORDER_SUMMARY.name


class Running:
    """Two projections' workers, what they hold, and requests to them."""

    def __init__(self, settings: Settings, folder: Path, **environ: str) -> None:
        self.environ = {
            **os.environ,
            "REDIS_URL": settings.redis_url.get_secret_value(),
            "WRITE_MONGODB_URI": settings.write_mongodb_uri.get_secret_value(),
            "WRITE_DATABASE": settings.write_database,
            "READ_MONGODB_URI": settings.read_mongodb_uri.get_secret_value(),
            "READ_DATABASE": settings.read_database,
            "LOG_PARTITIONS": str(PARTITIONS),
            "LEASE_MS": "2000",
            "HOLE_GRACE_MS": "20000",
            **environ,
        }
        line = f"exec {sys.executable} -m read_side worker"
        self.workers = [
            Process(f"projections{n}", line, self.environ, folder / f"projections{n}.log") for n in range(2)
        ]
        self.read: Database[StoredDocument] = read_database(settings)
        self.requests = RebuildRequests(self.read)
        self.before = 1

    @property
    def next(self) -> int:
        return self.before + 1

    def told(self, name: str = NAME) -> StoredDocument:
        return self.requests.all().get(name, {})

    def until_state(self, *states: str, name: str = NAME) -> StoredDocument:
        try:
            until(lambda: self.told(name).get("state") in states, DONE_S, f"{name} is {states}")
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.told(name)}\n{self.said()}") from None
        return self.told(name)

    @contextmanager
    def filling(self, log: Log) -> Iterator[Process]:
        """The worker whose child has begun to fill a new generation, and is not done within the block."""
        with unfilled(log):
            assert self.requests.request(ORDER_SUMMARY, "ops:olga")
            where = {"name": NAME, "generation": self.next, "position": {"$gt": 0}}
            until(lambda: self.told().get("owner"), DONE_S, f"it is taken\n{self.said()}")
            pid = int(self.told()["owner"].rpartition(":")[2])
            until(lambda: self.read.checkpoints.find_one(where), DONE_S, f"it fills\n{self.said()}")
            yield next(worker for worker in self.workers if worker.pid == pid)

    def said(self) -> str:
        return "\n".join(worker.tail() for worker in self.workers)

    def live(self) -> int:
        stored: Any = self.read.read_models.find_one({"_id": NAME})
        return int(stored["live"])


@pytest.fixture(scope="module")
def databases(redis_server: RedisServer, mongo_server: Mongod) -> Settings:
    """One log for all: it is the fold of it that takes time."""
    return settings_for_a_module(redis_server.url, mongo_server.uri)


@pytest.fixture(scope="module")
def log(databases: Settings) -> Iterator[Log]:
    database = write_database(databases)
    with database.client:
        yield long_log.append(database, PARTITIONS, EVENTS, renames=5)


@pytest.fixture(scope="module")
def both(databases: Settings, log: Log, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(databases, tmp_path_factory.mktemp("workers"))
    with ExitStack() as stack:
        stack.callback(running.read.client.close)
        for worker in running.workers:
            worker.start()
            stack.callback(worker.stop)
        yield _ready(running, log)


@pytest.fixture
def running(both: Running) -> Running:
    """Both workers at work, and the generation of which a test is to make the next one."""
    for worker in both.workers:
        worker.start()
    until(lambda: all(w.holds_signals_back for w in both.workers), DONE_S, "both workers are on their way")
    both.before = both.live()
    return both


def _ready(running: Running, log: Log) -> Running:
    def caught_up() -> bool:
        found = list(running.read.checkpoints.find({"name": {"$in": [NAME, ORDER_DETAIL.name]}}))
        heads = {partition: log.head(partition) for partition in range(PARTITIONS)}
        return len(found) == 2 * PARTITIONS and all(c["position"] == heads[c["partition"]] for c in found)

    until(caught_up, DONE_S, f"the workers have read the log\n{running.said()}")
    return running


def _children(pid: int) -> list[int]:
    """Of a process, each before its own: killed in this order, none is left to tell of another."""
    found: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has just ended
            continue
        if parent == pid:
            child = int(stat.parent.name)
            found += [child, *_children(child)]
    return found


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _check(running: Running, log: Log) -> None:
    assert running.live() == running.next
    assert audit(log, running.read, [ORDER_SUMMARY]) == []


def test_it_runs_beside_the_projecting_and_says_what_it_came_to(log: Log, running: Running) -> None:
    assert running.requests.request(ORDER_SUMMARY, "ops:olga")
    assert running.requests.request(ORDER_DETAIL, "ops:olga")
    seen = set()

    def both_done() -> bool:
        told = running.requests.all()  # in one look: between two of them one may end and the other begin
        seen.add(tuple(told[name]["state"] for name in (NAME, ORDER_DETAIL.name)))
        return seen >= {("succeeded", "succeeded")}

    until(both_done, DONE_S, f"both rebuilt\n{running.said()}")
    assert ("running", "running") not in seen
    commits = sum(log.heads())
    for name in (NAME, ORDER_DETAIL.name):
        told = running.told(name)
        assert told.get("error") is None, told
        assert (told["result"]["commits"], told["result"]["parked"], told["result"]["differences"]) == (
            commits,
            0,
            0,
        )
        assert told["done"] == told["total"] == commits
    assert audit(log, running.read, [by_name(name) for name in (NAME, ORDER_DETAIL.name)]) == []


def test_killed_in_the_middle_another_worker_goes_on(log: Log, running: Running) -> None:
    with running.filling(log) as worker:
        assert worker.pid is not None
        family = _children(worker.pid)
        assert family
        worker.kill()
    until(lambda: not any(map(_alive, family)), 10, "its children end with it")

    told = running.until_state("succeeded", "failed")
    assert told["state"] == "succeeded", (told, running.said())
    assert (told["generation"], told["deaths"]) == (running.next, 1), "the one that was begun"
    _check(running, log)


def test_a_child_that_is_killed_is_followed_by_another(log: Log, running: Running) -> None:
    with running.filling(log) as worker:
        assert worker.pid is not None
        for child in _children(worker.pid):
            with suppress(ProcessLookupError):  # some end when they miss their parent
                os.kill(child, signal.SIGKILL)

    told = running.until_state("succeeded", "failed")
    assert told["state"] == "succeeded", (told, running.said())
    assert (told["generation"], told["deaths"]) == (running.next, 1)
    assert all(each.pid for each in running.workers), "nobody else has minded"
    _check(running, log)


def test_one_that_oversleeps_finds_it_done_and_harms_nothing(log: Log, running: Running) -> None:
    """All of its processes are stopped for longer than any lease, and go on when another one is done."""
    with running.filling(log) as worker:
        assert worker.pid is not None
        family = [worker.pid, *_children(worker.pid)]
        for pid in family:
            os.kill(pid, signal.SIGSTOP)
    try:
        told = running.until_state("succeeded", "failed")
    finally:
        for pid in family:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
    assert (told["state"], told["generation"]) == ("succeeded", running.next), (told, running.said())
    children = family[1:]
    until(lambda: not any(map(_alive, children)), DONE_S, f"it gives up\n{running.said()}")
    assert running.told() == told
    assert worker.pid, running.said()
    _check(running, log)


@pytest.mark.alone
def test_told_to_stop_the_worker_ends_in_its_time_and_the_request_goes_on(log: Log, running: Running) -> None:
    one, other = running.workers
    other.stop()  # or it takes the request
    with running.filling(log) as worker:
        assert worker is one
        assert worker.pid is not None
        family = _children(worker.pid)
        worker.terminate()
        assert worker.ended(STOPPED_S) == 0
        told = running.told()
    assert (told["state"], told["deaths"], running.live()) == ("requested", 0, running.before), (
        told,
        worker.tail(),
    )
    until(lambda: not any(map(_alive, family)), 10, "its children end with it")

    other.start()
    told = running.until_state("succeeded", "failed")
    assert (told["state"], told["generation"]) == ("succeeded", running.next), (told, running.said())
    _check(running, log)


def test_it_is_stopped_on_request_and_gone_on_with_on_another(log: Log, running: Running) -> None:
    with running.filling(log):
        assert running.requests.stop(NAME)
        told = running.until_state("stopped", "succeeded", "failed")
    assert (told["state"], running.live()) == ("stopped", running.before), (told, running.said())

    running.requests.request(ORDER_SUMMARY, "ops:olga")
    told = running.until_state("succeeded", "failed")
    assert (told["state"], told["generation"]) == ("succeeded", running.next), (told, running.said())
    _check(running, log)
