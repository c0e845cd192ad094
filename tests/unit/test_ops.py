"""What the dashboard's figures are made with: quantiles, and the last minute."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.ops.flow import counted
from api.ops.quantiles import quantile
from api.ops.recent import WINDOW_S, Recent
from bus.observability import metrics
from bus.observability.metrics import SECONDS, Counts, Metrics

BOUNDS = (1.0, 2.0, 4.0)


@pytest.mark.parametrize(
    ("q", "counts", "expected"),
    [
        (0.5, (0, 0, 0, 0), None),
        (0.5, (10, 0, 0, 0), 0.5),
        (1.0, (10, 0, 0, 0), 1.0),
        (0.5, (0, 10, 0, 0), 1.5),
        (0.75, (5, 0, 5, 0), 3.0),
        (0.5, (5, 0, 5, 0), 1.0),
        (0.99, (1, 0, 0, 9), 4.0),
    ],
)
def test_a_quantile_is_linear_within_its_bucket(
    q: float, counts: tuple[int, ...], expected: float | None
) -> None:
    assert quantile(q, BOUNDS, counts) == expected


@example([0.002] * 3, 1.0)  # what is added up to the bound is past it by a bit
@given(st.lists(st.floats(0, 100), min_size=1, max_size=50), st.floats(0.01, 1))
def test_a_quantile_lies_in_the_bucket_of_the_value_that_is_there(values: list[float], q: float) -> None:
    seen = Metrics()
    seen.observe_all(metrics.VISIBLE, values, "m")
    [counts] = seen.snapshot().values()

    found = quantile(q, SECONDS, counts[:-1])

    place = max(0, -(-q * len(values) // 1) - 1)
    exact = sorted(values)[int(place)]
    lower = max((bound for bound in (0.0, *SECONDS) if bound < exact), default=0.0)
    upper = next((bound for bound in SECONDS if bound >= exact), SECONDS[-1])
    assert found is not None
    assert min(lower, upper) <= found <= upper + 2 * math.ulp(upper)


def observed(*values: float, name: str = "m") -> Counts:
    seen = Metrics()
    seen.observe_all(metrics.VISIBLE, values, name)
    return seen.snapshot()


def test_only_what_came_within_the_minute_counts() -> None:
    recent = Recent((metrics.VISIBLE,))
    old = [0.0005] * 100
    recent.see(observed(*old), at=0)
    assert recent.percentiles(metrics.VISIBLE, "m") is None, "one look says nothing of lately"
    recent.see(observed(*old, 0.2), at=30)
    lately = recent.percentiles(metrics.VISIBLE, "m")
    assert lately is not None
    assert 0.1 < lately["p50"] < lately["p99"] <= 0.25
    assert recent.percentiles(metrics.VISIBLE, "other") is None
    recent.see(observed(*old, 0.2), at=31 + WINDOW_S)
    assert recent.percentiles(metrics.VISIBLE, "m") is None, "the looks before are too long ago"


def test_all_types_together_and_one_alone() -> None:
    recent = Recent((metrics.HANDLED,))
    seen = Metrics()
    recent.see(seen.snapshot(), at=0)
    seen.observe_all(metrics.HANDLED, [0.02] * 3, "PlaceOrder")
    seen.observe(metrics.HANDLED, 20.0, "AddProduct")
    recent.see(seen.snapshot(), at=1)
    together = recent.percentiles(metrics.HANDLED)
    alone = recent.percentiles(metrics.HANDLED, "PlaceOrder")
    assert together is not None
    assert alone is not None
    assert together["p50"] <= 0.025
    assert together["p99"] > 10
    assert alone["p99"] <= 0.025


def test_a_series_that_begins_anew_is_not_less_than_nothing() -> None:
    recent = Recent((metrics.VISIBLE,))
    recent.see(observed(0.2, 0.2), at=0)
    recent.see(observed(0.2), at=1)
    assert recent.percentiles(metrics.VISIBLE, "m") is None


def test_counters_over_all_labels_or_some() -> None:
    seen = Metrics()
    seen.count(metrics.COMMANDS, "PlaceOrder", "succeeded", by=2)
    seen.count(metrics.COMMANDS, "AddProduct", "succeeded")
    seen.count(metrics.COMMANDS, "AddProduct", "rejected", by=4)
    total = seen.snapshot()
    assert counted(total, metrics.COMMANDS) == 7
    assert counted(total, metrics.COMMANDS, outcome="succeeded") == 3
    assert counted(total, metrics.COMMANDS, outcome="failed") == 0
