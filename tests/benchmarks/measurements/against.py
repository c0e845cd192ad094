"""The current revision against another one, turn by turn: each with its own processes, servers and feeder.

Every figure is the current revision's value over the other's. Both get the same requests and as many orders
from the same driver, and both stand idle while it is the other one's turn. What the other revision cannot do
is told as missing (``builds.RevisionError``).
"""

import random
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from tests.benchmarks.builds import Build, RevisionError
from tests.benchmarks.cast import Cast
from tests.benchmarks.figures import RATIO, Figure, Goal, at_least, at_most
from tests.benchmarks.hot_products import HotProducts
from tests.benchmarks.measurements import http_requests
from tests.benchmarks.measurements import visibility as visible
from tests.benchmarks.measurements.end_to_end import PROCESSES, orders_for
from tests.benchmarks.rounds import interleaved
from tests.benchmarks.samples import Samples
from tests.benchmarks.sizes import Size
from tests.benchmarks.turns import Turn, metered, microseconds

END_TO_END = ("against_orders", "against_cpu", "against_cpu_mongod")
VISIBILITY = tuple(f"against_visible_{load}_{part}" for load in ("idle", "half") for part in ("p50", "p99"))
HTTP = ("against_post", "against_get")
REBUILD = ("against_rebuild",)
REDIS = ("against_redis_waiting",)
HOT_STREAM = ("against_hot_stream",)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Both(Generic[T]):
    """Something of each of the two."""

    current: T
    other: T


def builds(cast: Cast) -> Both[Build]:
    """Both at work; raises ``RevisionError`` if the other one does not start."""
    return Both(cast.current, cast.other)


def each(two: Both[Build], does: Callable[[Build], T]) -> Both[T]:
    """What came of it for each."""
    return Both(does(two.current), _attempt(two.other, partial(does, two.other)))


def in_turns(
    rounds: int, two: Both[Build], current: Callable[[], T], other: Callable[[], T]
) -> Both[tuple[T, ...]]:
    """What came of each turn."""
    turns: dict[str, Callable[[], T]] = {
        "current": current,
        "other": lambda: _attempt(two.other, other),
    }
    taken = interleaved(rounds, turns)
    return Both(taken["current"], taken["other"])


def _attempt(other: Build, does: Callable[[], T]) -> T:
    """What ends the other revision's turn is no failure of this one."""
    try:
        return does()
    except RevisionError:
        raise
    except Exception as error:
        raise RevisionError(f"{other.name}: {type(error).__name__}: {error}") from error


def end_to_end(cast: Cast, size: Size) -> list[Figure]:
    two = builds(cast)
    fitting = each(two, lambda build: orders_for(build.place, size))
    orders = max(fitting.current, fitting.other)  # the same for both: batches depend on it

    def turn(build: Build) -> Turn:
        return metered(build, build.stage.pids, orders)

    turns = in_turns(
        *(size.rounds, two),
        current=partial(turn, two.current),
        other=partial(turn, two.other),
    )
    each(two, Build.verify)
    rates = Both(*(Samples.of(one.per_s for one in measured) for measured in (turns.current, turns.other)))
    cpu = Both(microseconds(turns.current, *PROCESSES), microseconds(turns.other, *PROCESSES))
    mongod = Both(microseconds(turns.current, "mongod"), microseconds(turns.other, "mongod"))
    return [
        _figure("against_orders", two, rates, "orders/s", at_least(1.8)),
        _figure("against_cpu", two, cpu, "µs of processor time per order", at_most(0.55)),
        _figure("against_cpu_mongod", two, mongod, "µs of mongod per order", at_most(0.6)),
    ]


def visibility(cast: Cast, size: Size) -> list[Figure]:
    """Idle: one order at a time. Half: each at half of its own best rate."""
    two = builds(cast)
    sides = each(two, lambda build: visible.shown_by(build.stage, build))
    pauses = random.Random(4)
    orders = size.idle_orders * visible.TO_EACH_OF_STOCK
    idle = in_turns(
        *(size.rounds, two),
        current=partial(visible.one_at_a_time, sides.current, orders, pauses),
        other=partial(visible.one_at_a_time, sides.other, orders, pauses),
    )
    best = Both(
        visible.best_rate(sides.current, size),
        _attempt(two.other, partial(visible.best_rate, sides.other, size)),
    )
    half = in_turns(
        *(size.rounds, two),
        current=partial(visible.at_half, sides.current, best.current, size),
        other=partial(visible.at_half, sides.other, best.other, size),
    )
    at = f"ms at {best.current / 2:,.0f} and {best.other / 2:,.0f} orders/s"
    return [
        _figure(f"against_visible_{load}_{part}", two, _percentiles(measured, percent), unit)
        for load, measured, unit in (("idle", idle, "ms"), ("half", half, at))
        for part, percent in (("p50", 50), ("p99", 99))
    ]


def http(cast: Cast, size: Size) -> list[Figure]:
    two = builds(cast)
    each(two, lambda build: build.place(size.first_orders))  # orders that can be asked for
    ports = each(two, lambda build: http_requests.serve_alone(build.stage))
    kinds = each(two, lambda build: http_requests.kinds_of(build.stage))
    figures = []
    for name, current, other in zip(HTTP, kinds.current, kinds.other, strict=True):

        def turn(build: Build, port: int, kind: http_requests.Kind) -> float:
            return http_requests.turn_of(port, build.stage.pids, kind, size).per_s

        rates = in_turns(
            *(size.rounds, two),
            current=partial(turn, two.current, ports.current, current),
            other=partial(turn, two.other, ports.other, other),
        )
        measured = Both(Samples.of(rates.current), Samples.of(rates.other))
        figures.append(_figure(name, two, measured, "answers/s"))
    return figures


def rebuild(cast: Cast, size: Size) -> list[Figure]:
    two = builds(cast)
    try:
        commits = each(two, lambda build: build.write_log(size.rebuilt))
        each(two, Build.rebuild)  # the first is not counted
        seconds = in_turns(size.rounds, two, two.current.rebuild, two.other.rebuild)
    finally:
        each(two, Build.drop_log)
    rates = Both(
        Samples.of(commits.current / one for one in seconds.current),
        Samples.of(commits.other / one for one in seconds.other),
    )
    return [_figure("against_rebuild", two, rates, "commits/s into the models of orders and customers")]


def redis_waiting(cast: Cast, size: Size) -> list[Figure]:
    two = builds(cast)
    taken = each(two, lambda build: Samples.of([build.redis_bytes_per_waiting(size.waiting)]))
    return [_figure("against_redis_waiting", two, taken, "bytes of Redis per waiting command")]


def hot_stream(cast: Cast, size: Size) -> list[Figure]:
    """Changes of one product a second. A turn that is not finished in its time is the last."""
    two = builds(cast)
    current, other = [], []
    with ExitStack() as leaving:

        def shop_on(build: Build) -> HotProducts:
            return leaving.enter_context(HotProducts(build.stage, size))

        hot = each(two, shop_on)
        hot.current.many_products()  # not counted
        _attempt(two.other, hot.other.many_products)
        for _ in range(size.rounds):
            current.append(hot.current.one_product())
            other.append(_attempt(two.other, hot.other.one_product))
            if not (current[-1].is_finished and other[-1].is_finished):
                break
    rates = Both(Samples.of(turn.per_s for turn in current), Samples.of(turn.per_s for turn in other))
    decided = f"{current[-1].decided} and {other[-1].decided} of {size.changes:,} decided in time"
    unit = f"changes/s of one product ({decided})"
    return [_figure("against_hot_stream", two, rates, unit)]


def _percentiles(measured: Both[tuple[Samples, ...]], percent: float) -> Both[Samples]:
    return Both(
        Samples.of(one.percentile(percent) for one in measured.current),
        Samples.of(one.percentile(percent) for one in measured.other),
    )


def _figure(
    name: str, two: Both[Build], values: Both[Samples], unit: str, goal: Goal | None = None
) -> Figure:
    """The current one's value over the other's, in each round."""
    return Figure(
        *(name, RATIO, values.current.over(values.other), goal),
        about=f"{values.current} {unit} against {values.other} of {two.other.name}",
        details={"current": values.current, two.other.name: values.other, "unit": unit},
    )
