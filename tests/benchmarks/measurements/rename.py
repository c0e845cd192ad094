"""A customer with many orders is renamed: what it takes in all, and what others meet meanwhile.

A system of its own has the orders. Other customers of the same partition, who would suffer first, place one
order after another; the figure is the median of what these take from POST to ``order_detail`` while the
rename goes on, over the same when nothing else does. The rename is over when every document of
``order_summary`` and ``order_detail`` has the new name.
"""

import time
from dataclasses import replace
from functools import partial
from itertools import cycle

from bus.messages.streams import customer_stream
from tests.benchmarks import wire, workload
from tests.benchmarks.caller import Caller
from tests.benchmarks.cast import Cast
from tests.benchmarks.contestants.twofold import Twofold
from tests.benchmarks.figures import RATIO, Figure, at_most
from tests.benchmarks.meanwhile import Meanwhile
from tests.benchmarks.measurements.visibility import Shown, shown_by, until_shown
from tests.benchmarks.samples import Samples
from tests.benchmarks.sizes import Size
from tests.benchmarks.stage import Stage
from tests.support.waiting import until

NAMES = ("rename_others", "rename_s")
RENAMED = workload.CUSTOMERS[0]
MODELS = ("order_summary", "order_detail")
AT_ONCE = 2_500
"""Orders on the queue at a time while the customer gets its orders."""
PAUSE_S = 0.05
POLL_S = 0.05
PATIENCE_S = 600.0


def measure(cast: Cast, size: Size) -> list[Figure]:
    alone, meanwhile, seconds = [], [], []
    with Stage() as stage:
        twofold = Twofold(stage.settings)
        try:
            twofold.found()
            _place(twofold, size.renamed_orders)
            side = _others(stage, twofold)
            others = _OneAfterAnother(side)
            others.place()  # not counted: the first
            for number in range(size.renames):
                alone.append(Samples.of([others.place() for _ in range(size.alone)]))
                with Meanwhile(others.place) as asking:
                    seconds.append(_rename(stage, f"Renamed {number}"))
                meanwhile.append(asking.samples)
            twofold.until_done()
        finally:
            twofold.close()
    alone_ms = Samples.of(each.median for each in alone)
    others_ms = Samples.of(each.median for each in meanwhile)
    worst_ms = Samples.of(each.high for each in meanwhile)
    in_all_s = Samples.of(seconds)
    details = {
        "orders": size.renamed_orders,
        "others_alone_ms": alone_ms,
        "others_meanwhile_ms": others_ms,
        "others_worst_ms": worst_ms,
        "others_orders": [len(each.values) for each in meanwhile],
        "seconds": in_all_s,
    }
    return [
        Figure(
            *("rename_others", RATIO, others_ms.over(alone_ms), at_most(2)),
            about=f"{others_ms} ms to visible against {alone_ms} alone, {worst_ms} at worst",
            details=details,
        ),
        Figure(
            *("rename_s", "s", in_all_s),
            about=f"until {size.renamed_orders:,} summaries and details have the new name",
            details=details,
        ),
    ]


def _place(twofold: Twofold, orders: int) -> None:
    """Give the customer its orders."""
    drawn = workload.Orders(8, [RENAMED])
    for start in range(0, orders, AT_ONCE):
        twofold.place_these(drawn.several(min(AT_ONCE, orders - start)))


def _others(stage: Stage, twofold: Twofold) -> Shown:
    """What the stage shows of the orders of others in the customer's partition."""
    partitions = stage.settings.log_partitions
    neighbours = workload.neighbours(customer_stream(RENAMED), workload.CUSTOMERS, partitions)
    token = stage.token("staff", "ann")
    requests = [wire.post("/orders", order, token) for order in workload.Orders(9, neighbours).several(50)]
    return replace(shown_by(stage, twofold), requests=requests)


class _OneAfterAnother:
    """Places others' orders, with a pause before each."""

    def __init__(self, side: Shown) -> None:
        self._side = side
        self._numbers = cycle(range(len(side.requests)))

    def place(self) -> float:
        """Return the milliseconds from POST to visible.

        On a new connection: while an order is long in coming, the server would close it for being idle.
        """
        time.sleep(PAUSE_S)
        with Caller(self._side.port, 1) as caller:
            return until_shown(self._side, caller, next(self._numbers))


def _rename(stage: Stage, name: str) -> float:
    """Rename the customer; return the seconds until every document has the new name."""
    request = wire.patch(f"/customers/{RENAMED}", {"name": name}, stage.token("staff", "ann"))
    began = time.perf_counter()
    with Caller(stage.port, 1) as caller:
        answer = caller.ask(request)
    if answer[9:12] != b"202":
        raise AssertionError(f"answered {answer[:500]!r}")
    for model in MODELS:
        _until_renamed(stage, model, name)
    return time.perf_counter() - began


def _until_renamed(stage: Stage, model: str, name: str) -> None:
    """Return when no document of the customer has another name.

    One that still has is looked at until it has the new one, and only then another is looked for: to look at
    all of them again and again would be a load of its own.
    """
    documents = stage.read_database[model]
    old = {"customer_id": RENAMED, "customer_name": {"$ne": name}, "placed_at": {"$exists": True}}
    deadline = time.monotonic() + PATIENCE_S
    while (found := documents.find_one(old, {"_id": True}, sort=[("_id", -1)])) is not None:
        one = {"_id": found["_id"], "customer_name": name}
        seen = partial(documents.find_one, one, {"_id": True})
        until(seen, deadline - time.monotonic(), f"{model} shows the new name", POLL_S)
