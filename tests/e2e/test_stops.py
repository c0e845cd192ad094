"""Every process stops when told to, under load and whatever hangs, and nothing is lost or done twice.

Here a time is asserted, because it is promised: a supervisor kills 5 s after it has asked.
"""

import os
import threading
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from signal import SIGCONT, SIGINT, SIGSTOP, SIGTERM

import httpx
import pytest

from bus.messages.outcome import CommandStatus
from tests.e2e.every_request import Known, make_known, order
from tests.support.decided import decided
from tests.support.plain_http import NO_TLS
from tests.support.processes import Process
from tests.support.promised import promised
from tests.support.system import System
from tests.support.waiting import until

pytestmark = pytest.mark.alone

KILLED_AFTER_S = 5.0
ENDED_S = 20.0
"""For what has hung up on its caller or its supervisor."""
START_S = 60.0
CALLERS = 6
LOAD = 30
"""Orders that are accepted before a process is stopped in the middle of them."""
WAITERS = 8
WORKER, API = "exec python -m write_side worker", "exec python -m api serve"


@pytest.fixture(scope="module")
def stoppable() -> Iterator[System]:
    with System({"web2": API, "commands2": WORKER}, SWEEP_AFTER_MS="1000", LEASE_MS="3000") as running:
        yield running


@pytest.fixture(scope="module")
def known(stoppable: System) -> Known:
    return make_known(stoppable.client("staff"), "known")


class Load:
    """Callers that place orders as fast as they can, again with the same key when a connection breaks."""

    def __init__(self, system: System, known: Known) -> None:
        self._url = system.url
        self._headers = {"Authorization": f"Bearer {system.token('staff', 'loader')}"}
        self._body = order(known.customer_id, known.product_id)
        self._stopping = threading.Event()
        self.accepted: dict[str, str] = {}
        """By reference, the command's id."""

    def stop(self) -> None:
        self._stopping.set()

    def until_more(self) -> None:
        enough = len(self.accepted) + LOAD
        until(lambda: len(self.accepted) > enough, START_S, "some load")

    def run(self) -> None:
        while not self._stopping.is_set():
            reference = uuid.uuid4().hex
            response = None
            while response is None:
                response = self._place(reference)
            assert response.status_code == httpx.codes.ACCEPTED, response.text
            self.accepted[reference] = response.json()["command_id"]

    def _place(self, reference: str) -> httpx.Response | None:
        headers = {**self._headers, "Idempotency-Key": reference}
        body = {**self._body, "reference": reference}
        try:
            with promised(KILLED_AFTER_S, "an answer"):
                return httpx.post(
                    f"{self._url}/orders",
                    json=body,
                    headers=headers,
                    timeout=ENDED_S,
                    trust_env=False,
                    verify=NO_TLS,
                )
        except httpx.TimeoutException:
            raise
        except httpx.TransportError:  # this process has closed its port, the other one listens
            return None


@contextmanager
def under_load(system: System, known: Known) -> Iterator[Load]:
    load = Load(system, known)
    with ThreadPoolExecutor(CALLERS) as pool:
        running = [pool.submit(load.run) for _ in range(CALLERS)]
        try:
            yield load
        finally:
            load.stop()
        for caller in running:
            caller.result()


def signal(process: Process) -> None:
    """As honcho and a terminal do it together: the whole group, several times."""
    pid = process.pid
    assert pid is not None
    for each in (SIGTERM, SIGINT, SIGTERM, SIGINT):
        with suppress(ProcessLookupError):  # it was quick
            os.killpg(pid, each)


def stop(*processes: Process) -> None:
    with promised(KILLED_AFTER_S, "the stop"):
        for process in processes:
            signal(process)
        assert [process.ended(ENDED_S) for process in processes] == [0] * len(processes)


def start(system: System) -> None:
    for process in system.processes.values():
        process.start()
    until(lambda: all(p.holds_signals_back for p in system.processes.values()), START_S, "all on their way")
    until(system.is_ready, START_S, "the API")


def test_whatever_is_stopped_under_load_nothing_is_lost_or_doubled(stoppable: System, known: Known) -> None:
    with under_load(stoppable, known) as load:
        for name in ("web", "commands", "projections", "clock"):
            process = stoppable.processes[name]
            load.until_more()
            stop(process)
            process.start()
        until(lambda: all(p.holds_signals_back for p in stoppable.processes.values()), START_S, "all again")
    stoppable.until_quiet()

    placed = Counter(
        event["data"]["reference"]
        for commit in stoppable.write_database.commits.find({"events.type": "OrderPlaced"})
        for event in commit["events"]
        if event["data"]["reference"] in load.accepted
    )
    assert placed == Counter(dict.fromkeys(load.accepted, 1))
    came_to = decided(stoppable.write_database, load.accepted.values())
    assert len(came_to) == len(load.accepted)
    assert {outcome.status for outcome in came_to.values()} == {CommandStatus.SUCCEEDED}
    shown = stoppable.read_database["order_detail.g1"].count_documents(
        {"reference": {"$in": list(load.accepted)}}
    )
    assert shown == len(load.accepted)


def test_who_waits_for_an_outcome_gets_its_202_when_the_api_stops(stoppable: System, known: Known) -> None:
    apis = [stoppable.processes[name] for name in ("web", "web2")]
    workers = [stoppable.processes[name] for name in ("commands", "commands2")]
    stop(*workers)
    before = stoppable.write_database.commands.count_documents({})

    def place() -> httpx.Response:
        authorization = {"Authorization": f"Bearer {stoppable.token('staff', 'waiter')}"}
        body = order(known.customer_id, known.product_id)
        headers = {**authorization, "Prefer": "wait=30"}
        return httpx.post(
            f"{stoppable.url}/orders", json=body, headers=headers, timeout=60, trust_env=False, verify=NO_TLS
        )

    def all_accepted() -> bool:
        return stoppable.write_database.commands.count_documents({}) == before + WAITERS

    with ThreadPoolExecutor(WAITERS) as pool:
        waiting = [pool.submit(place) for _ in range(WAITERS)]
        until(all_accepted, START_S, "all accepted")
        stop(*apis)
        assert [future.result().status_code for future in waiting] == [202] * WAITERS

    start(stoppable)
    stoppable.until_quiet()


@pytest.mark.parametrize("servers", [("redis",), ("mongod",), ("redis", "mongod")], ids="+".join)
def test_servers_that_hang_do_not_keep_anybody_from_stopping(
    stoppable: System, servers: Sequence[str]
) -> None:
    """Neither while they work nor while they wait for it to start."""
    processes = tuple(stoppable.processes.values())
    pids = [getattr(stoppable, server).pid for server in servers]
    for pid in pids:
        os.kill(pid, SIGSTOP)
    try:
        stop(*processes)
        for process in processes:
            process.start()
        until(lambda: all(p.holds_signals_back for p in processes), START_S, "all on their way")
        stop(*processes)
    finally:
        for pid in pids:
            os.kill(pid, SIGCONT)
    start(stoppable)


def test_signals_at_the_very_start_end_it(stoppable: System) -> None:
    """It has not begun anything yet."""
    for process in stoppable.processes.values():
        process.kill()
        process.start()
        with promised(KILLED_AFTER_S, "the stop"):
            signal(process)
            assert process.ended(ENDED_S) is not None
    start(stoppable)
