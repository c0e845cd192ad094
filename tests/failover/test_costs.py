"""The time without a served write, told from the moments at which writes were served."""

from tests.failover.costs import Cost, costs, longest_gap
from tests.failover.stage import Strike


def test_the_longest_gap_is_between_neighbours() -> None:
    assert longest_gap([1, 2, 5, 6], 1.5, 6.5) == 3


def test_a_gap_begins_with_the_stretch_and_ends_with_it() -> None:
    assert longest_gap([1, 9], 3, 4) == 1
    assert longest_gap([], 3, 5) == 2


def test_each_fault_costs_what_came_before_the_next() -> None:
    strikes = [Strike("kill", 1), Strike("cut", 5), Strike("kill", 8)]
    served = [0.5, 3, 4, 5, 6, 7, 8, 9]

    told = costs(strikes, served, 10, {"kill": [0.5, 0.25]})

    assert told == {"kill": Cost([2, 1], [0.5, 0.25]), "cut": Cost([1], ())}
    assert told["kill"].document() == {
        "count": 2,
        "unserved_median_s": 1.5,
        "unserved_max_s": 2,
        "shown_median_s": 0.4,
        "shown_max_s": 0.5,
    }
