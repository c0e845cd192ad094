"""One requested rebuild, in the test's own process; and who attends to a child, whatever that does."""

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from unittest import mock

import pytest
from pymongo.errors import AutoReconnect

from bus.connections.clients import StoredDocument, read_database
from bus.settings import Settings
from read_side.errors import RebuildLostError
from read_side.projections.customers import CUSTOMERS
from read_side.projections.products import PRODUCTS
from read_side.rebuild import rebuild_job, rebuild_supervisor
from read_side.rebuild.rebuild_job import RebuildJob
from read_side.rebuild.rebuild_requests import MOST_DEATHS, Claim, RebuildRequests
from read_side.rebuild.rebuild_supervisor import RebuildSupervisor
from tests.integration.rebuilding import Rebuilding, Worker, quick
from tests.integration.sides import WriteSide, written
from tests.support import messages
from tests.support.waiting import until

HISTORY = (messages.add_product(), messages.add_product(product_id="p2"))
ENDED_S = 30.0


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(rebuild_job, "TELL_S", 0.001)
    monkeypatch.setattr(rebuild_supervisor, "LOOK_S", 0.01)
    monkeypatch.setattr(rebuild_job, "END_S", ENDED_S)  # nothing is cut off because the machine is slow
    monkeypatch.setattr(rebuild_supervisor, "CHILD_S", ENDED_S)
    monkeypatch.setattr(rebuild_supervisor, "LAST_WORD_S", ENDED_S)
    with quick():
        yield


@pytest.fixture
def write(settings: Settings) -> Iterator[WriteSide]:
    with written(settings, HISTORY) as write:
        yield write


class Asked:
    """A request for the products, taken, and what carries it out."""

    def __init__(self, write: WriteSide, worker: Worker) -> None:
        self.rebuilding = Rebuilding(write.log, worker.database, [worker])
        self.requests = RebuildRequests(worker.database)
        self.requests.create()
        assert self.requests.request(PRODUCTS, "ops:olga")
        self.claim = self.take()

    def take(self) -> Claim:
        claim = self.requests.take([PRODUCTS], "host:1")
        assert claim is not None
        return claim

    def carry_out(self) -> StoredDocument:
        self.rebuilding.stopping.clear()
        RebuildJob(self.requests, self.claim, self.rebuilding.tools).run()
        return self.told()

    def told(self) -> StoredDocument:
        return self.requests.all()["products"]

    def fill_with(self, meanwhile: Callable[[], None]) -> None:
        """Let something happen while the generation is filled, which goes on until it is told to stop."""
        fill = self.rebuilding.fill

        def filling(model: object, generation: object, tick: Callable[[], None]) -> None:
            meanwhile()
            fill(model, generation, tick)  # type: ignore[arg-type]

        object.__setattr__(self.rebuilding.tools, "fill", filling)


@pytest.fixture
def asked(settings: Settings, write: WriteSide) -> Iterator[Asked]:
    database = read_database(settings)
    worker = Worker(write.log, database)
    worker.start()
    worker.ring_for_all()
    yield Asked(write, worker)
    database.client.close()


def test_it_says_what_it_came_to(asked: Asked) -> None:
    """Also if it is done before it says how far it is for the second time."""
    with mock.patch.object(rebuild_job, "TELL_S", 3_600.0):
        told = asked.carry_out()
    assert (told["state"], told["generation"]) == ("succeeded", 2)
    assert told["done"] == told["total"] == len(HISTORY)
    result = told["result"]
    assert (result["commits"], result["parked"], result["differences"]) == (len(HISTORY), 0, 0)
    assert asked.rebuilding.registered("products") == {1: "retiring", 2: "live"}


def test_one_that_was_done_but_not_said_is_only_said(asked: Asked) -> None:
    """Its process was killed after the swap."""
    with (
        mock.patch.object(asked.requests, "succeed", side_effect=AutoReconnect("killed here")),
        pytest.raises(AutoReconnect),
    ):
        asked.carry_out()
    asked.requests.bury(asked.claim, "status -9")
    asked.claim = asked.take()
    told = asked.carry_out()
    assert (told["state"], told["generation"], told["result"]) == ("succeeded", 2, None)
    assert asked.rebuilding.registered("products") == {1: "retiring", 2: "live"}, "no third one"


def test_who_is_overtaken_learns_it_and_stops(asked: Asked) -> None:
    """It was silent for too long, and somebody else has the request."""
    heard: list[bool] = []

    def overtaken() -> None:
        assert asked.requests.bury(asked.claim, "silence")
        assert asked.take().epoch > asked.claim.epoch
        heard.append(asked.rebuilding.stopping.wait(ENDED_S))

    asked.fill_with(overtaken)
    told = asked.carry_out()
    assert heard == [True], "it is told to stop"
    assert (told["state"], told["deaths"]) == ("running", 1), "the other one's"
    assert asked.rebuilding.registered("products") == {1: "live", 2: "building"}


def test_asked_to_stop_it_stops(asked: Asked) -> None:
    def stopped() -> None:
        asked.requests.stop("products")
        assert asked.rebuilding.stopping.wait(ENDED_S), "it hears of it"

    asked.fill_with(stopped)
    assert asked.carry_out()["state"] == "stopped"


def test_told_to_stop_with_its_process_it_gives_the_request_back(asked: Asked) -> None:
    asked.fill_with(asked.rebuilding.stopping.set)
    assert asked.carry_out()["state"] == "requested"
    asked.claim = asked.take()
    asked.fill_with(lambda: None)
    told = asked.carry_out()
    assert (told["state"], told["generation"]) == ("succeeded", 2), "gone on with"


def _carry_out_beside(asked: Asked, other: Callable[[float], object]) -> StoredDocument:
    """Let a second pass whenever the rebuild waits, and tell the other one how many have: no clock counts."""
    passed = 0.0

    def wait(_seconds: float) -> bool:
        nonlocal passed
        passed += 1
        other(passed)
        return False

    clock = mock.Mock(monotonic=lambda: passed)
    stopping = asked.rebuilding.stopping
    with mock.patch.object(rebuild_job, "time", clock), mock.patch.object(stopping, "wait", wait):
        return asked.carry_out()


def test_it_waits_for_the_lease_of_one_that_was_killed(asked: Asked) -> None:
    assert asked.rebuilding.generations.take("products", "rebuild host:7")
    lease_s = asked.rebuilding.tools.lease_ms / 1000

    def runs_out(passed: float) -> None:
        if passed == lease_s:
            asked.rebuilding.expire_leases()

    assert _carry_out_beside(asked, runs_out)["state"] == "succeeded"


def test_it_does_not_wait_for_one_that_lives(asked: Asked) -> None:
    generations = asked.rebuilding.generations
    lease = generations.take("products", "rebuild host:7")
    assert lease is not None
    told = _carry_out_beside(asked, lambda _: generations.renew(lease))
    assert (told["state"], "is being rebuilt by rebuild host:7" in told["error"]) == ("failed", True)


def test_whatever_goes_wrong_is_said(asked: Asked) -> None:
    def wrong() -> None:
        raise ValueError("something personal")

    asked.fill_with(wrong)
    told = asked.carry_out()
    assert (told["state"], told["error"]) == ("failed", "ValueError")


def _until_told(asked: Asked) -> None:
    assert asked.rebuilding.stopping.wait(ENDED_S), "it is told to stop"


def test_a_teller_that_fails_is_noticed(asked: Asked) -> None:
    asked.fill_with(lambda: _until_told(asked))
    with mock.patch.object(rebuild_job.ProgressReporter, "_tell", side_effect=RuntimeError("a bug")):
        told = asked.carry_out()
    assert (told["state"], told["error"]) == ("failed", "RuntimeError: a bug")


# The thread that attends to a child.


class Attended:
    """Children that are any Python program."""

    def __init__(self, asked: Asked, program: str) -> None:
        self.stopping = threading.Event()
        self.asked = asked
        self.asked.requests.give_back(asked.claim)
        self.started: list[Claim] = []
        self.program = program
        self.rebuilds = RebuildSupervisor(asked.requests, [PRODUCTS], "host:1", self.stopping, self._command)

    def _command(self, claim: Claim) -> Sequence[str]:
        self.started.append(claim)
        return [sys.executable, "-c", self.program]

    def until_ended(self) -> None:
        thread = self.rebuilds._attending
        assert thread is not None
        thread.join(ENDED_S)
        assert not thread.is_alive()


@pytest.mark.parametrize("program", ["import os; os._exit(0)", "import os; os.kill(os.getpid(), 9)"])
def test_a_child_that_ends_without_a_word_is_followed_by_another_so_many_times(
    asked: Asked, program: str
) -> None:
    attended = Attended(asked, program)
    for _ in range(MOST_DEATHS):
        attended.rebuilds.turn()
        attended.until_ended()
    told = asked.told()
    assert (told["state"], "its process ended with status" in told["error"]) == ("failed", True)
    attended.rebuilds.turn()
    assert len(attended.started) == MOST_DEATHS


def test_a_child_that_cannot_be_started_is_buried(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    attended = Attended(asked, "")

    def refused(*_: object, **__: object) -> None:
        raise OSError("no memory")

    monkeypatch.setattr("subprocess.Popen", refused)
    attended.rebuilds.turn()
    attended.until_ended()
    assert (asked.told()["state"], asked.told()["deaths"]) == ("requested", 1)


def test_a_child_that_does_not_stop_is_killed_and_the_request_given_back(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild_supervisor, "CHILD_S", 0.2)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    attended = Attended(asked, deaf)
    attended.rebuilds.turn()
    attended.rebuilds.turn()
    until(lambda: attended.started, ENDED_S, "the child is started")
    attended.stopping.set()
    attended.rebuilds.stop()
    attended.until_ended()
    assert (len(attended.started), asked.told()["state"], asked.told()["deaths"]) == (1, "requested", 0)
    attended.rebuilds.turn()
    assert len(attended.started) == 1, "a process that stops takes nothing"


def test_a_child_is_told_to_stop_with_its_process(asked: Asked, tmp_path: Path) -> None:
    waits, told = tmp_path / "waits", tmp_path / "told"
    attended = Attended(
        asked,
        "import pathlib, signal; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM});"
        f"pathlib.Path({str(waits)!r}).touch(); signal.sigwait({{signal.SIGTERM}});"
        f"pathlib.Path({str(told)!r}).touch()",
    )
    attended.rebuilds.turn()
    until(waits.exists, ENDED_S, "the child runs")
    attended.stopping.set()
    attended.rebuilds.stop()
    attended.until_ended()
    assert told.exists()


def test_a_process_without_the_model_takes_nothing(asked: Asked) -> None:
    attended = Attended(asked, "")
    attended.rebuilds._models = [CUSTOMERS]
    attended.rebuilds.turn()
    assert attended.rebuilds._attending is None
    with pytest.raises(RebuildLostError):
        asked.requests.tell(asked.claim)
