"""Counting, adding up, and the text that comes of it."""

import threading
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from api.resources.metrics import counted, from_the_start
from bus.observability import metrics
from bus.observability.metrics import FAMILIES, MILLION, SECONDS, Counts, Metrics, added, negated
from read_side.projections import READ_MODELS


def sample(counts: Counts, name: str, labels: Mapping[str, str] | None = None) -> float:
    """A sample of what the counts look like to Prometheus."""

    class Collector:
        def collect(self) -> Any:
            return counted(counts, from_the_start())

    registry = CollectorRegistry()
    registry.register(Collector())
    families = text_string_to_metric_families(generate_latest(registry).decode())
    found = [
        s.value for family in families for s in family.samples if (s.name, s.labels) == (name, labels or {})
    ]
    assert len(found) == 1, (name, labels)
    return found[0]


def test_what_is_counted_is_shown() -> None:
    counting = Metrics()
    counting.count(metrics.COMMANDS, "PlaceOrder", "rejected")
    counting.count(metrics.COMMANDS, "PlaceOrder", "rejected", by=2)
    counting.count(metrics.HOLES_CLOSED, by=7)

    counts = counting.snapshot()

    labels = {"type": "PlaceOrder", "outcome": "rejected"}
    assert sample(counts, "twofold_commands_total", labels) == 3
    assert sample(counts, "twofold_holes_closed_total") == 7


def test_what_is_observed_falls_into_its_buckets() -> None:
    counting = Metrics()
    counting.observe_all(metrics.VISIBLE, [-5.0, 0.0, 0.01, 0.011, 60.0, 61.0], "products")

    counts = counting.snapshot()

    def below(bound: str) -> float:
        return sample(
            counts, "twofold_command_visible_seconds_bucket", {"read_model": "products", "le": bound}
        )

    assert [below("0.001"), below("0.01"), below("0.025")] == [2, 3, 4], "bounds are inclusive"
    assert [below("30.0"), below("60.0"), below("+Inf")] == [4, 5, 6]
    model = {"read_model": "products"}
    assert sample(counts, "twofold_command_visible_seconds_count", model) == 6
    total = sample(counts, "twofold_command_visible_seconds_sum", model)
    assert total == pytest.approx(121.021), "what clocks that differ make of a moment ago is no time at all"


@example([4.18])  # it is a bit less than that, so a whole microsecond less is left
@given(st.lists(st.floats(min_value=0, max_value=200)))
def test_a_histogram_loses_nothing(values: list[float]) -> None:
    counting = Metrics()
    counting.observe_all(metrics.HANDLED, values, "AddProduct")

    (*buckets, total) = counting.snapshot()["twofold_command_handled_seconds", ("AddProduct",)]

    assert sum(buckets) == len(values)
    assert total / MILLION == pytest.approx(sum(values), abs=1.001 * len(values) / MILLION)
    for bound, within in zip(SECONDS, (sum(buckets[: i + 1]) for i in range(len(SECONDS))), strict=True):
        assert within == sum(value <= bound for value in values)


def test_series_that_are_known_beforehand_begin_at_0() -> None:
    """A series that begins at 1 has had no increase, so the first rescue would be missed."""
    assert sample({}, "twofold_rescues_total", {"by": "sweep"}) == 0
    assert sample({}, "twofold_holes_closed_total") == 0
    assert sample({}, "twofold_commands_total", {"type": "PlaceOrder", "outcome": "failed"}) == 0
    for model in READ_MODELS:
        assert sample({}, "twofold_command_visible_seconds_count", {"read_model": model.name}) == 0


def test_many_threads_count_as_one() -> None:
    counting = Metrics()

    def count() -> None:
        for _ in range(2_000):
            counting.count(metrics.COMMANDS_LEFT)
            counting.observe(metrics.HANDLED, 0.5, "AddProduct")

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    counts = counting.snapshot()
    assert sample(counts, "twofold_commands_left_to_sweep_total") == 16_000
    assert sample(counts, "twofold_command_handled_seconds_count", {"type": "AddProduct"}) == 16_000


def test_sums_and_differences() -> None:
    one: Counts = {("twofold_rescues_total", ("sweep",)): [3]}
    two: Counts = {("twofold_rescues_total", ("sweep",)): [4], ("twofold_holes_closed_total", ()): [1]}

    assert added(one, two) == {
        ("twofold_rescues_total", ("sweep",)): [7],
        ("twofold_holes_closed_total", ()): [1],
    }
    assert added(two, negated(two)) == {key: [0] for key in two}
    assert one == {("twofold_rescues_total", ("sweep",)): [3]}, "the summands stay as they are"


@pytest.mark.parametrize(
    "strange",
    [
        {("twofold_of_tomorrow_total", ()): [1]},
        {("twofold_rescues_total", ("sweep", "more")): [1]},
        {("twofold_command_handled_seconds", ("AddProduct",)): [1, 2]},
    ],
)
def test_what_another_build_counts_otherwise_is_left_out(strange: Counts) -> None:
    assert added(strange) == {}


def test_batches_of_a_group_commit_are_observed_and_done() -> None:
    counting = Metrics()

    def double(numbers: list[int]) -> list[int]:
        return [2 * number for number in numbers]

    assert counting.batches("append", double)([1, 2, 3]) == [2, 4, 6]
    assert sample(counting.snapshot(), "twofold_group_commit_batch_items_sum", {"step": "append"}) == 3


def test_names_are_as_prometheus_has_them() -> None:
    for name, family in FAMILIES.items():
        assert name.startswith("twofold_")
        assert name.endswith("_total") is not bool(family.buckets)
        assert not name.endswith(("_bucket", "_count", "_sum"))
        assert family.help.endswith(".")
