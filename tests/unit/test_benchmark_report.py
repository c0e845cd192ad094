"""What the benchmark makes of its measurements: medians, spreads, ratios, the table and the JSON."""

import io
import json
from functools import partial
from typing import Any

import pytest
from rich.console import Console

from tests.benchmarks import report, sizes
from tests.benchmarks.benchmark import MEASUREMENTS, Measurement, run
from tests.benchmarks.figures import RATIO, Failure, Figure, at_least, at_most
from tests.benchmarks.rounds import interleaved
from tests.benchmarks.samples import Samples
from tests.benchmarks.stacks import Stacks, own_times

RATES = Samples((300.0, 100.0, 200.0, 500.0, 400.0))
YARDSTICK = Samples((100.0, 50.0, 100.0, 100.0, 100.0))


def figure(name: str = "e2e_vs_stock", **over: Any) -> Figure:
    given = {"unit": RATIO, "samples": RATES.over(YARDSTICK), "goal": at_least(8)}
    return Figure(name, **{**given, **over})


def test_samples_have_a_median_and_a_spread() -> None:
    assert (RATES.median, RATES.low, RATES.high) == (300, 100, 500)
    assert RATES.spread == pytest.approx(400 / 300)


def test_a_percentile_is_one_of_the_values() -> None:
    hundred = Samples.of(float(value) for value in range(100, 0, -1))
    assert [hundred.percentile(percent) for percent in (1, 50, 99, 100)] == [1, 50, 99, 100]
    assert RATES.percentile(50) == RATES.median
    assert RATES.percentile(99) == RATES.high


def test_a_ratio_is_taken_within_each_round() -> None:
    assert RATES.over(YARDSTICK).values == (3, 2, 2, 5, 4)


def test_ratios_are_of_equally_many_rounds() -> None:
    with pytest.raises(ValueError, match="shorter"):
        RATES.over(Samples((1.0,)))


def test_no_samples_are_an_error() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        Samples(())


def test_contestants_take_turns_and_none_is_always_first() -> None:
    turns: list[str] = []

    def turn(name: str) -> int:
        turns.append(name)
        return len(turns)

    measured = interleaved(3, {name: partial(turn, name) for name in ("a", "b", "c")})

    assert "".join(turns) == "abccbaabc"
    assert measured == {"a": (1, 6, 7), "b": (2, 5, 8), "c": (3, 4, 9)}


@pytest.mark.parametrize(
    ("goal", "value", "met"),
    [
        (at_least(8), 8.0, True),
        (at_least(8), 7.9, False),
        (at_most(10), 10.0, True),
        (at_most(10), 10.1, False),
    ],
)
def test_a_goal_is_met_or_not(goal: Any, value: float, *, met: bool) -> None:
    assert figure(goal=goal, samples=Samples((value,))).is_met is met


def test_without_a_goal_nothing_is_met() -> None:
    assert figure(goal=None).is_met is None


def test_a_figure_can_be_told_apart_from_its_rounds() -> None:
    assert figure().value == 3
    assert figure(told=4.5).value == 4.5


def printed(*results: Figure | Failure) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(report.table(results))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_table_tells_value_spread_goal_and_what_it_is_made_of() -> None:
    text = printed(figure(about=f"{RATES} orders/s", details={"rate": RATES}))
    row = next(line for line in text.splitlines() if "e2e_vs_stock" in line)
    for told in (f"3 {RATIO}", "2 to 5", "≥ 8", "not met", "300 orders/s"):
        assert told in row


def test_the_table_tells_what_failed() -> None:
    text = printed(Failure("idle_cpu", "Traceback ...\nOSError: gone\n"), figure(goal=at_least(3)))
    assert "failed" in text
    assert "OSError: gone" in text
    assert " met" in text
    assert "not met" not in text


def test_the_json_has_the_values_at_the_top_and_the_rest_beside_them() -> None:
    told = report.as_json([figure(details={"rate": RATES}), Failure("idle_cpu", "gone")], "quick")
    told = json.loads(json.dumps(told))

    assert told["e2e_vs_stock"] == 3
    assert "idle_cpu" not in told
    assert told["failed"] == {"idle_cpu": "gone"}
    details = told["details"]["e2e_vs_stock"]
    assert (details["goal"], details["met"]) == ("≥ 8", False)
    assert details["rounds"]["values"] == [3, 2, 2, 5, 4]
    assert details["of"]["rate"] == {
        "median": 300,
        "low": 100,
        "high": 500,
        "spread": 1.333,
        "values": [300, 100, 200, 500, 400],
    }
    assert told["machine"]["cores"] >= 1


def test_a_failing_measurement_takes_only_its_own_figures_along() -> None:
    def fails(*_: Any) -> list[Figure]:
        raise OSError("gone")

    measurements = [
        Measurement("first", ("a", "b"), fails),
        Measurement("second", ("c",), lambda *_: [figure("c")]),
        Measurement("third", ("d",), lambda *_: [figure("e")]),
    ]
    started: list[str] = []
    nobody: Any = None
    results = list(run(nobody, sizes.TINY, measurements, started.append))

    assert started == ["first", "second", "third"]
    assert [result.name for result in results] == ["a", "b", "c", "d"]
    assert [isinstance(result, Failure) for result in results] == [True, True, False, True]
    assert isinstance(results[0], Failure)
    assert "OSError: gone" in results[0].why


def test_no_figure_is_measured_twice() -> None:
    names = [name for measurement in MEASUREMENTS for name in measurement.figures]
    assert len(names) == len(set(names))


def test_stacks_are_counted_by_their_innermost_function_and_its_package() -> None:
    raw = (
        "main (a.py:1);fold (read_side/projector/folding.py:5) 3\n"
        "main (a.py:1);read (pymongo/pool.py:7);decode (bson/__init__.py:9) 6\n"
        "other (b.py:2);fold (read_side/projector/folding.py:5) 1\n"
    )
    stacks = Stacks()
    stacks.by_process["projections"] = own_times(raw)

    assert stacks.top("projections", 1) == [("decode (bson/__init__.py:9)", 0.6)]
    assert stacks.packages("projections", 2) == [("bson", 0.6), ("read_side", 0.4)]
