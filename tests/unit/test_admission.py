"""Admission of commands: how many a caller may have unfinished, what it costs to tell, and the reserve."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from unittest import mock

import pytest
from pymongo.errors import AutoReconnect

from api.http import admission as admission_module
from api.http.admission import COUNT_EVERY_S, Admission, CallerLimits
from api.http.freshness import WAITS_OF_A_CUSTOMER, WAITS_OF_STAFF, WaitSlots
from api.http.problems import ProblemError
from api.middleware.shedding import Backlog
from bus.messages.principal import Principal, Role

ANN = Principal(role=Role.CUSTOMER, subject="ann")
BOB = Principal(role=Role.CUSTOMER, subject="bob")
SAM = Principal(role=Role.STAFF, subject="sam")
BOUND = 50
BOUND_OF_STAFF = 5_000


class Inbox:
    """Unfinished commands by caller, and how often they were counted."""

    def __init__(self) -> None:
        self.unfinished: Counter[Principal] = Counter()
        self.counts = 0
        self.now = 1_000.0
        self.refusal: str | None = None
        """The code of the last command's."""

    def count(self, caller: Principal, most: int) -> int:
        self.counts += 1
        return min(self.unfinished[caller], most)

    def process(self, *, full_for_customers: bool = False, a_second: int = 0) -> Admission:
        backlog = mock.Mock(Backlog, is_full_for_customers=lambda: full_for_customers)
        return Admission(
            self.count,
            customers=CallerLimits(BOUND, a_second),
            staff=CallerLimits(BOUND_OF_STAFF),
            backlog=backlog,
            now=lambda: self.now,
        )

    def send(self, admission: Admission, caller: Principal = ANN) -> bool:
        """Whether a command was let in; it is unfinished then."""
        with admission.of_one(caller) as refusal:
            self.unfinished[caller] += refusal is None
        self.refusal = refusal.problem.code if refusal else None
        return refusal is None


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.mark.parametrize(("caller", "bound"), [(ANN, BOUND), (SAM, BOUND_OF_STAFF)])
def test_a_caller_has_so_many_unfinished_and_others_are_let_in(
    inbox: Inbox, caller: Principal, bound: int
) -> None:
    process = inbox.process()
    sent = [inbox.send(process, caller) for _ in range(bound + 10)]
    assert sent == [True] * bound + [False] * 10
    assert inbox.refusal == "too-many-unfinished"
    assert inbox.send(process, BOB)
    other_issuer = caller.model_copy(update={"issuer": "another"})
    assert inbox.send(process, other_issuer)


def test_a_customer_sends_its_bound_at_once_and_then_keeps_a_pace(inbox: Inbox) -> None:
    process = inbox.process(a_second=20)
    for _ in range(BOUND):
        assert inbox.send(process)
        inbox.unfinished.clear()
        inbox.now += COUNT_EVERY_S / 100  # as fast as they are finished
    inbox.now += 0.01
    assert [inbox.send(process) for _ in range(10)] == [True, True] + [False] * 8, "after 0.11 s"
    assert inbox.refusal == "too-many-commands"
    assert inbox.send(process, BOB)
    assert inbox.send(process, SAM)
    for second in range(1, 4):
        inbox.unfinished.clear()
        inbox.now += 1
        assert sum(inbox.send(process) for _ in range(40)) == 20, second
    inbox.now += 3_600
    inbox.unfinished.clear()
    assert sum(inbox.send(process) for _ in range(2 * BOUND)) == BOUND


def test_staff_has_no_pace(inbox: Inbox) -> None:
    process = inbox.process(a_second=1)
    for _ in range(BOUND_OF_STAFF + 1):
        assert inbox.send(process, SAM)
        inbox.unfinished.clear()


def test_few_commands_cost_no_count_and_a_flood_five_a_second(inbox: Inbox) -> None:
    process = inbox.process()
    for _ in range(BOUND // 4):
        inbox.send(process)
    assert inbox.counts == 0
    while inbox.send(process):
        pass
    assert inbox.counts <= 15
    before = inbox.counts
    for _ in range(1_000):
        inbox.now += COUNT_EVERY_S / 100
        assert not inbox.send(process)
    assert inbox.counts - before <= 10


def test_many_commands_of_staff_cost_few_counts(inbox: Inbox) -> None:
    process = inbox.process()
    while inbox.send(process, SAM):
        pass
    assert inbox.counts <= BOUND_OF_STAFF // 100


def test_a_caller_goes_on_once_its_commands_are_finished(inbox: Inbox) -> None:
    process = inbox.process()
    while inbox.send(process):
        pass
    inbox.unfinished[ANN] -= 7
    assert not inbox.send(process), "it was counted a moment ago"
    inbox.now += COUNT_EVERY_S
    assert [inbox.send(process) for _ in range(8)] == [True] * 7 + [False]


def test_processes_overshoot_by_a_quarter_each_at_most(inbox: Inbox) -> None:
    """Each has counted when there were none, and may let in as many as ever before it counts again."""
    processes = [inbox.process() for _ in range(3)]
    for process in processes:
        for _ in range(BOUND // 4):
            inbox.send(process)
        inbox.unfinished.clear()
        inbox.send(process)
    assert inbox.counts == len(processes)
    inbox.unfinished.clear()

    for _ in range(2 * BOUND):
        for process in processes:
            inbox.send(process)
    assert BOUND <= inbox.unfinished[ANN] <= BOUND + len(processes) * BOUND // 4


def test_what_is_being_accepted_while_it_is_counted_is_not_overlooked(inbox: Inbox) -> None:
    """All let in at once and none accepted yet, so no count shows them."""
    process = inbox.process()
    together = threading.Barrier(3 * BOUND)

    def send(_: int) -> bool:
        with process.of_one(ANN) as refusal:
            together.wait(30)
            return refusal is None

    with ThreadPoolExecutor(3 * BOUND) as pool:
        assert 0 < sum(pool.map(send, range(3 * BOUND))) <= BOUND


def test_a_count_that_fails_fails_the_request_and_nothing_else(inbox: Inbox) -> None:
    process = inbox.process()
    while inbox.send(process):
        pass
    inbox.now += COUNT_EVERY_S
    with mock.patch.object(process, "_count", side_effect=AutoReconnect), pytest.raises(AutoReconnect):
        inbox.send(process)
    inbox.unfinished[ANN] = 0
    inbox.now += COUNT_EVERY_S
    assert inbox.send(process)


def test_only_so_many_callers_are_remembered(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission_module, "CALLERS", 2)
    process = inbox.process()
    for caller in (ANN, BOB, SAM, BOB):
        inbox.send(process, caller)
    assert list(process._estimates) == [SAM, BOB]


def test_the_last_of_the_backlog_is_for_staff(inbox: Inbox) -> None:
    process = inbox.process(full_for_customers=True)
    assert inbox.send(process, SAM)
    with pytest.raises(ProblemError) as refused:
        inbox.send(process, ANN)
    assert (refused.value.problem.status, refused.value.problem.code) == (503, "overloaded")
    assert refused.value.headers["Retry-After"] == "1"


@pytest.mark.parametrize(("waiting", "full"), [(89, False), (90, True)])
def test_customers_leave_a_tenth_of_the_backlog(*, waiting: int, full: bool) -> None:
    backlog = Backlog(mock.Mock(hlen=lambda _: waiting), limit=100)
    assert backlog.is_full_for_customers() == full
    assert not backlog.is_full()


@pytest.fixture
def held() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held


@pytest.mark.parametrize(("caller", "bound"), [(ANN, WAITS_OF_A_CUSTOMER), (SAM, WAITS_OF_STAFF)])
def test_a_caller_has_so_many_requests_that_wait(held: ExitStack, caller: Principal, bound: int) -> None:
    slots = WaitSlots(1_000)
    assert all(held.enter_context(slots.one(caller)) for _ in range(bound))
    with pytest.raises(ProblemError) as refused:
        held.enter_context(slots.one(caller))
    assert (refused.value.problem.status, refused.value.problem.code) == (429, "too-many-waits")
    assert refused.value.headers["Retry-After"] == "1"
    assert held.enter_context(slots.one(BOB))


def test_a_slot_is_given_back() -> None:
    slots = WaitSlots(4)
    for _ in range(10):
        with slots.one(ANN) as free, slots.one(ANN) as another:
            assert free
            assert another
    assert (slots._free, dict(slots._taken)) == (4, {})


def test_the_last_quarter_of_the_slots_is_for_staff(held: ExitStack) -> None:
    slots = WaitSlots(8)
    customers = [Principal(role=Role.CUSTOMER, subject=f"c{n}") for n in range(7)]
    assert [held.enter_context(slots.one(one)) for one in customers] == [True] * 6 + [False]
    assert [held.enter_context(slots.one(one)) for one in (SAM, None, SAM)] == [True, True, False]
