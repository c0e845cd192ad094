"""From ``POST /orders`` to the order being visible in ``order_detail``: idle, and at half the best rate.

Idle: one order at a time, with a pause before each, the two sides by turns. Half of the best rate: the best
is found first, by posting as fast as it goes and waiting until all is shown; then orders are posted at half
of that rate, whatever comes back, each counted from the moment when it should have been sent. So for
Twofold, so for the stock version.
"""

import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from pymongo.collection import Collection

from tests.benchmarks import wire, workload
from tests.benchmarks.caller import HEAD_END, Caller
from tests.benchmarks.cast import Cast
from tests.benchmarks.figures import Figure, Goal, at_most
from tests.benchmarks.rounds import interleaved
from tests.benchmarks.samples import Samples, short
from tests.benchmarks.sizes import Size
from tests.benchmarks.stage import Stage
from tests.benchmarks.watch import Watch
from tests.support.waiting import until

NAMES = tuple(f"visible_ms_{load}_{part}" for load in ("idle", "half") for part in ("p50", "p99"))
GOALS = {
    ("idle", "p50"): 12.0,
    ("idle", "p99"): 30.0,
    ("half", "p50"): 50.0,
    ("half", "p99"): 150.0,
}
PAUSE_S = (0.1, 0.4)
TO_EACH_OF_STOCK = 4
POLL_S = 0.001
PATIENCE_S = 60.0
WATCHED_PER_S = 100
"""At most so many orders a second are watched, of all that are posted."""


class _Finishes(Protocol):
    def until_done(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Shown:
    """One side: where it takes orders, where it shows them, what says that it is done."""

    port: int
    details: Collection[dict[str, Any]]
    contestant: _Finishes
    requests: Sequence[bytes]


def measure(cast: Cast, size: Size) -> list[Figure]:
    twofold = shown_by(cast.stage, cast.twofold)
    requests = [wire.post("/orders", order) for order in _drawn()]
    stock = Shown(cast.stock.serve(), cast.stock.details, cast.stock, requests)
    idle_rounds = [idle(twofold, stock, size.idle_orders) for _ in range(size.rounds)]
    idle_ms = {name: tuple(each[name] for each in idle_rounds) for name in idle_rounds[0]}
    best = {name: best_rate(side, size) for name, side in (("twofold", twofold), ("stock", stock))}
    half_turns = {
        "twofold": partial(at_half, twofold, best["twofold"], size),
        "stock": partial(at_half, stock, best["stock"], size),
    }
    half_ms = interleaved(size.rounds, half_turns)
    halves = {name: rate / 2 for name, rate in best.items()}
    return [
        *_figures("idle", idle_ms, {}),
        *_figures("half", half_ms, {"orders_per_s": halves}),
    ]


def _drawn() -> list[dict[str, Any]]:
    return workload.Orders(3).several(200)


def shown_by(stage: Stage, twofold: _Finishes) -> Shown:
    """What the system on a stage shows. ``order_detail`` is the view of the live generation."""
    token = stage.token("staff", "ann")
    requests = [wire.post("/orders", order, token) for order in _drawn()]
    return Shown(stage.port, stage.read_database.order_detail, twofold, requests)


def idle(twofold: Shown, stock: Shown, orders: int) -> dict[str, Samples]:
    """Milliseconds to visible, one order at a time.

    While the stock version's consumers get to the long pauses that they make when idle, Twofold has several.
    """
    pauses = random.Random(4)
    milliseconds: dict[str, list[float]] = {"twofold": [], "stock": []}
    with Caller(twofold.port, 1) as calls_twofold, Caller(stock.port, 1) as calls_stock:
        for _ in range(orders):
            for _ in range(TO_EACH_OF_STOCK):
                time.sleep(pauses.uniform(*PAUSE_S))
                milliseconds["twofold"].append(until_shown(twofold, calls_twofold))
            time.sleep(pauses.uniform(*PAUSE_S))
            milliseconds["stock"].append(until_shown(stock, calls_stock))
    return {name: Samples.of(values) for name, values in milliseconds.items()}


def one_at_a_time(side: Shown, orders: int, pauses: random.Random) -> Samples:
    """Milliseconds to visible, with a pause before each order."""
    milliseconds = []
    with Caller(side.port, 1) as caller:
        for _ in range(orders):
            time.sleep(pauses.uniform(*PAUSE_S))
            milliseconds.append(until_shown(side, caller))
    return Samples.of(milliseconds)


def until_shown(side: Shown, caller: Caller, number: int = 0) -> float:
    """Post an order and look until it is there; return the milliseconds."""
    sent_at = time.perf_counter()
    placed = order_id(caller.ask(side.requests[number]))
    until(lambda: side.details.find_one({"_id": placed}, {"_id": True}), PATIENCE_S, "visible", POLL_S)
    return 1000 * (time.perf_counter() - sent_at)


def best_rate(side: Shown, size: Size) -> float:
    """Orders a second from being posted to being shown, when they are posted as fast as it goes."""
    with Caller(side.port, size.callers) as caller:
        began = time.perf_counter()
        answers = caller.as_fast_as_it_goes(side.requests, size.seconds)
        side.contestant.until_done()
        return answers.statuses[202] / (time.perf_counter() - began)


def at_half(side: Shown, best: float, size: Size) -> Samples:
    """Milliseconds to visible at half of the best rate."""
    rate = best / 2
    every = int(rate // WATCHED_PER_S) + 1
    count = 0

    def answered(sent_at: float, answer: bytes) -> None:
        nonlocal count
        count += 1
        if count % every == 0 or count == 1:
            watch.expect(order_id(answer), sent_at)

    with Caller(side.port, size.callers) as caller, Watch(side.details) as watch:
        caller.at_rate(side.requests, rate, size.seconds, answered)
        watch.until_seen()
    side.contestant.until_done()
    return Samples.of(watch.milliseconds)


def order_id(answer: bytes) -> str:
    """The order's id; raises ``AssertionError`` for anything but a 202."""
    head, _, body = answer.partition(HEAD_END)
    if head[9:12] != b"202":
        raise AssertionError(f"answered {answer[:500]!r}")
    return str(json.loads(body)["order_id"])


def _figures(load: str, measured: dict[str, tuple[Samples, ...]], details: dict[str, Any]) -> list[Figure]:
    """p50 and p99 over all rounds; the spread is that of the rounds."""
    figures = []
    for part, percent in (("p50", 50), ("p99", 99)):
        all_ms = {
            who: Samples.of(ms for round_ in rounds for ms in round_.values)
            for who, rounds in measured.items()
        }
        stock_ms = all_ms["stock"].percentile(percent)
        bound = GOALS.get((load, part))
        goal: Goal | None = at_most(bound) if bound else None
        figures.append(
            Figure(
                f"visible_ms_{load}_{part}",
                "ms",
                Samples.of(each.percentile(percent) for each in measured["twofold"]),
                goal,
                told=all_ms["twofold"].percentile(percent),
                about=f"stock {short(stock_ms)} ms",
                details={
                    "stock_ms": stock_ms,
                    "orders": {who: len(ms.values) for who, ms in all_ms.items()},
                    **details,
                },
            )
        )
    return figures
