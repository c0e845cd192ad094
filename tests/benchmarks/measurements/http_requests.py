"""``POST /orders`` and ``GET /orders/{id}`` a second, against Falcon on waitress that only says hello.

The API has a process of its own here, over a write database and a Redis database that no worker looks at, so
that what is measured is accepting, not what comes after; it shows the orders of the stage's read models. Both
sides get the same requests from the same caller, on as many connections, and have as many threads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pymongo import MongoClient

from tests.benchmarks import wire, workload
from tests.benchmarks.caller import Caller
from tests.benchmarks.cast import Cast
from tests.benchmarks.cpu import Meter
from tests.benchmarks.figures import RATIO, Figure, Goal, at_least
from tests.benchmarks.rounds import interleaved
from tests.benchmarks.samples import Samples
from tests.benchmarks.sizes import Size
from tests.benchmarks.stage import COPY_REDIS, Stage
from tests.benchmarks.yardsticks import hello

NAMES = ("post_vs_hello", "get_vs_hello")
API = "web-alone"
DATABASE = "accepted_only"
DIFFERENT = 500
"""Different requests that are sent in turn."""
WARM = 0.2
"""Of a turn's time, not counted."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of request, the answer that it should have, and what is aimed at."""

    figure: str
    status: int
    requests: Sequence[bytes]
    goal: Goal


@dataclass(frozen=True, slots=True)
class Turn:
    """What came of one turn: the rate, the caller's share of a core, processor time by component."""

    per_s: float
    caller_cores: float
    microseconds: Mapping[str, float]


def measure(cast: Cast, size: Size) -> list[Figure]:
    stage = cast.stage
    cast.twofold.place(size.first_orders)
    kinds = kinds_of(stage)
    ports = {
        "twofold": serve_alone(stage),
        "hello": stage.serve("hello", hello.__name__, str(stage.settings.web_threads)),
    }
    return [_figure(stage, ports, kind, size) for kind in kinds]


def kinds_of(stage: Stage) -> tuple[Kind, Kind]:
    """POSTs of orders, and GETs of orders that the stage shows."""
    token = stage.token("staff", "ann")
    posts = [wire.post("/orders", order, token) for order in workload.Orders(2).several(DIFFERENT)]
    gets = [wire.get(f"/orders/{order_id}", token) for order_id in _order_ids(stage)]
    return (
        Kind("post_vs_hello", 202, posts, at_least(0.5)),
        Kind("get_vs_hello", 200, gets, at_least(0.65)),
    )


def serve_alone(stage: Stage) -> int:
    """A web process without workers; return its port once it shows an order."""
    _, gets = kinds_of(stage)
    return stage.serve_api(
        *(API, gets.requests[0]),
        REDIS_URL=stage.redis_url_of(COPY_REDIS),
        WRITE_DATABASE=DATABASE,
    )


def _figure(stage: Stage, ports: Mapping[str, int], kind: Kind, size: Size) -> Figure:
    pids = stage.pids | stage.pids_of([API])
    asked = interleaved(
        size.rounds, {who: partial(turn_of, port, pids, kind, size) for who, port in ports.items()}
    )
    rates = {who: Samples.of(turn.per_s for turn in turns) for who, turns in asked.items()}
    spent = [turn.microseconds for turn in asked["twofold"]]
    return Figure(
        *(kind.figure, RATIO, rates["twofold"].over(rates["hello"]), kind.goal),
        about=f"{rates['twofold']} answers/s against {rates['hello']}",
        details={
            "twofold_per_s": rates["twofold"],
            "hello_per_s": rates["hello"],
            "caller_cores": {
                who: Samples.of(turn.caller_cores for turn in turns) for who, turns in asked.items()
            },
            "twofold_cpu_us": {part: Samples.of(each[part] for each in spent) for part in spent[0]},
        },
    )


def turn_of(port: int, pids: Mapping[str, int], kind: Kind, size: Size) -> Turn:
    """One kind of request, as fast as it goes."""
    with Caller(port, size.callers) as caller:
        caller.as_fast_as_it_goes(kind.requests, WARM * size.seconds)
        meter = Meter(pids)
        answers = caller.as_fast_as_it_goes(kind.requests, size.seconds)
        spent = meter.read()
    answered = answers.statuses[kind.status]
    microseconds = {part: 1e6 * seconds / answered for part, seconds in spent.items()}
    return Turn(answers.rate(kind.status), answers.cpu_s / answers.seconds, microseconds)


def _order_ids(stage: Stage) -> list[str]:
    with MongoClient[dict[str, Any]](stage.mongod.uri) as mongo:
        shown = mongo[stage.read_database_name].order_detail.find(
            {"placed_at": {"$exists": True}}, {"_id": True}
        )
        return [order["_id"] for order in shown.limit(DIFFERENT)]
