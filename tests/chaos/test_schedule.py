"""A schedule has every kind of fault in it, the long ones in time, and is the seed's alone."""

from collections import Counter
from random import Random

import pytest

from tests.chaos.faults.table import LONG, all_faults
from tests.chaos.schedule import LONG_S, Due, schedule

KINDS = list(all_faults())


def drawn(seed: int, seconds: float = 600, every: float = 5) -> list[Due]:
    return schedule(Random(seed), seconds, every, KINDS, LONG)


@pytest.mark.parametrize("seed", range(20))
def test_no_kind_is_forgotten_and_none_preferred(seed: int) -> None:
    counts = Counter(due.kind for due in drawn(seed))
    assert counts.keys() == set(KINDS)
    assert counts.total() == 120
    assert max(counts.values()) - min(counts.values()) <= 1


@pytest.mark.parametrize("seed", range(20))
def test_what_takes_long_comes_in_time(seed: int) -> None:
    late = [due for due in drawn(seed, seconds=40, every=2.8) if due.at > 40 - LONG_S]
    assert late
    assert not {due.kind for due in late} & LONG


def test_one_fault_in_each_stretch() -> None:
    assert [int(due.at // 5) for due in drawn(1)] == list(range(120))


def test_the_same_seed_is_the_same_schedule() -> None:
    assert drawn(1) == drawn(1) != drawn(2)
