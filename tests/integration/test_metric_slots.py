"""The counts of many processes as one sum: nothing that was shown goes away, whoever is killed or stalls."""

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo.database import Database

from bus.observability.metric_slots import MetricsPublisher, Slots
from bus.observability.metrics import HANDLED, HOLES_CLOSED, MILLION, RESCUES, Counts, Metrics

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
HOLES = (HOLES_CLOSED.name, ())
ADDED = (HANDLED.name, ("AddProduct",))


class Process:
    """What of a process has to do with counting; killed by being forgotten."""

    def __init__(self, slots: Slots) -> None:
        self.metrics = Metrics()
        self.publisher = MetricsPublisher(slots, self.metrics)

    def count(self, gaps: int) -> None:
        self.metrics.count(HOLES_CLOSED, by=gaps)


@pytest.fixture
def slots(database: Database[dict[str, Any]]) -> Slots:
    return Slots(database)


def let_slots_expire(database: Database[dict[str, Any]]) -> None:
    """What enough silence comes to."""
    database["metrics"].update_many({}, {"$set": {"seen_at": LONG_AGO}})


def is_no_less(after: Counts, before: Counts) -> bool:
    return all(
        key in after and all(a >= b for a, b in zip(after[key], numbers, strict=True))
        for key, numbers in before.items()
    )


def test_the_sum_is_everybodys(slots: Slots) -> None:
    one, two = Process(slots), Process(slots)
    one.count(3)
    two.count(4)
    one.metrics.observe(HANDLED, 0.5, "AddProduct")
    two.metrics.observe_all(HANDLED, (0.5, 100.0), "AddProduct")
    two.metrics.count(RESCUES, "sweep")
    for process in (one, two, two):
        process.publisher.beat()

    total = slots.total()

    assert total[HOLES] == [7]
    assert total[RESCUES.name, ("sweep",)] == [1]
    assert (sum(total[ADDED][:-1]), total[ADDED][-1]) == (3, 101 * MILLION)


def test_what_a_stopped_process_counted_stays_and_its_slot_goes_to_the_next(
    slots: Slots, database: Database[dict[str, Any]]
) -> None:
    for _ in range(5):
        process = Process(slots)
        process.count(2)
        process.publisher.beat()
        process.count(1)
        process.publisher.end()

    assert slots.total()[HOLES] == [15]
    assert database["metrics"].count_documents({}) == 1


def test_what_a_killed_process_counted_stays_and_its_slot_is_adopted_later(
    slots: Slots, database: Database[dict[str, Any]]
) -> None:
    killed = Process(slots)
    killed.count(2)
    killed.publisher.beat()

    soon = Process(slots)
    soon.count(10)
    soon.publisher.beat()
    let_slots_expire(database)
    later = [Process(slots) for _ in range(2)]
    for process in later:
        process.count(100)
        process.publisher.beat()

    assert slots.total()[HOLES] == [212]
    assert database["metrics"].count_documents({}) == 2


def test_who_stalled_until_its_slot_was_adopted_goes_on_in_another(
    slots: Slots, database: Database[dict[str, Any]]
) -> None:
    """Both go on counting, and neither loses nor doubles what it had written."""
    stalled = Process(slots)
    stalled.count(2)
    stalled.publisher.beat()
    let_slots_expire(database)
    heir = Process(slots)
    heir.count(10)
    heir.publisher.beat()

    stalled.count(100)
    stalled.publisher.beat()
    heir.count(1_000)
    heir.publisher.beat()
    stalled.count(10_000)
    stalled.publisher.end()

    assert slots.total()[HOLES] == [11_112]
    assert database["metrics"].count_documents({}) == 2


def test_a_write_that_comes_late_changes_nothing(slots: Slots) -> None:
    """It may lie in a server that did not answer in time, while newer ones arrive over another connection."""
    slot = slots.adopt()
    assert slots.write(slot, 2, {HOLES: [5]})

    assert not slots.write(slot, 1, {HOLES: [3]})

    assert slots.total()[HOLES] == [5]
    assert slots.write(slot, 3, {HOLES: [6]}, release=True)
    assert not slots.write(slot, 4, {HOLES: [7]}), "it is not the owner's any more"


def test_what_was_counted_while_mongodb_was_away_is_written_when_it_is_back(
    slots: Slots, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = Process(slots)
    process.count(1)
    process.publisher.beat()

    def away(*_: object, **__: object) -> bool:
        raise ConnectionError

    with monkeypatch.context() as while_away:
        while_away.setattr(slots, "write", away)
        for _ in range(3):
            process.count(10)
            with pytest.raises(ConnectionError):
                process.publisher.beat()
    process.publisher.beat()

    assert slots.total()[HOLES] == [31]


@pytest.mark.parametrize("seed", range(8))
def test_the_sum_never_goes_down_whatever_happens(
    slots: Slots, database: Database[dict[str, Any]], seed: int
) -> None:
    """Processes start, count, stop, are killed, stall and wake; the sum is never beyond what was counted."""
    chance = random.Random(seed)
    living = [Process(slots)]
    counted = shown = 0
    before: Counts = {}
    for _ in range(120):
        process = chance.choice(living)
        match chance.choice("ccccbbbsekx"):
            case "c":
                counted += 1
                process.count(1)
                process.metrics.observe(HANDLED, chance.random(), "AddProduct")
            case "b":
                process.publisher.beat()
            case "s":
                living.append(Process(slots))
            case "e" if len(living) > 1:
                process.publisher.end()
                living.remove(process)
            case "k" if len(living) > 1:
                living.remove(process)
            case "x":
                let_slots_expire(database)
        total = slots.total()
        assert is_no_less(total, before)
        shown = int(total.get(HOLES, [0])[0])
        assert shown <= counted
        before = total
    lost = counted - shown
    for process in living:
        process.publisher.end()
    assert is_no_less(slots.total(), before)
    assert slots.total()[HOLES][0] >= counted - lost
    assert sum(slots.total()[ADDED][:-1]) == slots.total()[HOLES][0]
