"""A server goes away, by a crash or by hanging, under every kind of request, and comes back.

Here a time is asserted, because it is promised: an answer within 5 s.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from http import HTTPStatus
from signal import SIGCONT, SIGSTOP

import httpx
import pytest

from api.local.process import ServerProcess
from bus.messages.outcome import CommandStatus
from tests.e2e.every_request import (
    ANSWERED_S,
    Callers,
    Known,
    Request,
    callers,
    commands,
    make_known,
    reads,
    without_databases,
)
from tests.support.decided import decided
from tests.support.plain_http import NO_TLS
from tests.support.processes import is_stopped
from tests.support.promised import promised
from tests.support.system import System
from tests.support.waiting import until

pytestmark = pytest.mark.alone

BACK_S = 60.0
LINES = 6
"""Warnings that a process may log in one outage: what it does without, once each."""


@pytest.fixture(scope="module")
def shaken() -> Iterator[System]:
    with System(LEASE_MS="3000") as running:
        yield running


@pytest.fixture(scope="module")
def known(shaken: System) -> Known:
    return make_known(shaken.client("staff"), "known")


@pytest.fixture
def people(shaken: System) -> Iterator[Callers]:
    with callers(shaken) as them:
        yield them


@contextmanager
def killed(server: ServerProcess) -> Iterator[None]:
    server.kill()
    try:
        yield
    finally:
        server.start()


@contextmanager
def hanging(server: ServerProcess) -> Iterator[None]:
    pid = server.pid
    assert pid is not None
    os.kill(pid, SIGSTOP)
    try:
        until(partial(is_stopped, pid), BACK_S, "all of its threads stand still")
        yield
    finally:
        os.kill(pid, SIGCONT)


Fault = Callable[[ServerProcess], AbstractContextManager[None]]


@contextmanager
def nobody_ends_and_nobody_floods(system: System) -> Iterator[None]:
    """While the block runs the processes live, and say little; at its end all is as it was."""
    pids = {name: process.pid for name, process in system.processes.items()}
    said = {name: process.log.stat().st_size for name, process in system.processes.items()}
    yield
    system.until_quiet()
    until(lambda: fully_ready(system), BACK_S, "all parts are back")
    assert {name: process.pid for name, process in system.processes.items()} == pids, system.told()
    for name, process in system.processes.items():
        lines = process.log.read_text()[said[name] :].splitlines()
        loud = [line for line in lines if '"level":"info"' not in line]
        assert len(loud) <= LINES, f"{name}:\n" + "\n".join(loud)


def readiness(system: System) -> object:
    """``ready``, ``degraded`` or 503, as found within the last seconds."""
    with promised(ANSWERED_S, "/health/ready"):
        answer = httpx.get(f"{system.url}/health/ready", timeout=BACK_S, trust_env=False, verify=NO_TLS)
    return answer.json()["status"]


def fully_ready(system: System) -> bool:
    return readiness(system) == "ready"


def mixed(known: Known) -> list[Request]:
    return [*reads(known), *commands(known), *without_databases()]


@pytest.mark.parametrize("fault", [killed, hanging])
def test_without_redis_everything_is_read_and_accepted(
    shaken: System, known: Known, people: Callers, fault: Fault
) -> None:
    accepted: list[str] = []
    with nobody_ends_and_nobody_floods(shaken):
        with fault(shaken.redis):
            for _ in range(2):
                for request, response in people.ask(mixed(known)):
                    assert response.status_code == (202 if request.is_command else 200), response.text
                    if request.is_command:
                        accepted.append(response.json()["command_id"])
            until(lambda: readiness(shaken) == "degraded", BACK_S, "degraded")
        shaken.until_quiet()
    came_to = decided(shaken.write_database, accepted)
    assert len(came_to) == len(accepted)
    assert {outcome.status for outcome in came_to.values()} == {CommandStatus.SUCCEEDED}


@pytest.mark.parametrize("fault", [killed, hanging])
def test_without_mongodb_everybody_is_told_in_time(
    shaken: System, known: Known, people: Callers, fault: Fault
) -> None:
    with nobody_ends_and_nobody_floods(shaken):
        with fault(shaken.mongod):
            for _ in range(2):
                answers = people.ask([*mixed(known), *reads(known), *commands(known)])
                free = [(r, a) for r, a in answers if r in without_databases()]
                assert [a.status_code for _, a in free] == [200, 200, 200]
                for request, response in answers:
                    if (request, response) not in free:
                        assert response.status_code == 503, f"{request}: {response.text}"
                        assert response.headers["Content-Type"] == "application/problem+json"
                        assert response.headers["Retry-After"]
            until(lambda: readiness(shaken) == HTTPStatus.SERVICE_UNAVAILABLE, BACK_S, "not ready")
        until(lambda: shaken.client("staff").get("/orders").is_success, BACK_S, "reads")
    shaken.until_quiet()
    assert shaken.write_database.commands.count_documents({"status": "failed"}) == 0


@pytest.mark.parametrize(("server", "statuses"), [("redis", {202, 200}), ("mongod", {503})])
def test_an_api_that_starts_while_a_server_is_away_does_what_it_can(
    shaken: System, known: Known, people: Callers, server: str, statuses: set[int]
) -> None:
    with killed(getattr(shaken, server)):
        shaken.processes["web"].restart()
        until(lambda: lives(shaken), BACK_S, "the API")
        answers = people.ask([*commands(known), Request("GET", f"/orders/{known.order_id}")])
        assert {response.status_code for _, response in answers} == statuses
    until(lambda: fully_ready(shaken), BACK_S, "all parts are back")
    shaken.until_quiet()


def lives(system: System) -> bool:
    try:
        return httpx.get(f"{system.url}/health/live", timeout=5, trust_env=False, verify=NO_TLS).is_success
    except httpx.TransportError:
        return False
