"""What an older form costs: reading an order's event of version 1, over reading one of the newest version.

Both are read from what the log holds, with everything that a fold waits for. A chain of ten steps is told
too: it is what an event costs that has changed its form ten times. Turn by turn, in this process.
"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from unittest import mock

from bus.messages import registry, upcasters
from bus.messages.orders import OrderPlaced
from tests.benchmarks import workload
from tests.benchmarks.cast import Cast
from tests.benchmarks.figures import RATIO, Figure, at_most
from tests.benchmarks.samples import Samples
from tests.benchmarks.sizes import Size

NAMES = ("upcast_vs_newest",)
EVENTS_A_SECOND = 4_000
"""So that a turn takes about as long as the others'."""
LONG = 10
KIND = OrderPlaced.__name__


def measure(_: Cast, size: Size) -> list[Figure]:
    newest, first = _stored()
    count = max(1, int(size.seconds * EVENTS_A_SECOND))
    of_newest, of_first, of_long = [], [], []
    for _round in range(size.rounds):
        of_newest.append(_seconds(newest, count))
        of_first.append(_seconds(first, count))
        with _long_chain():
            of_long.append(_seconds(first, count))
    ratios = [older / new for older, new in zip(of_first, of_newest, strict=True)]
    per_event = {
        "newest_us": min(of_newest) / count * 1e6,
        "first_us": min(of_first) / count * 1e6,
        f"chain_of_{LONG}_us": min(of_long) / count * 1e6,
    }
    about = ", ".join(f"{name} {value:.1f}" for name, value in per_event.items())
    return [
        Figure("upcast_vs_newest", RATIO, Samples.of(ratios), at_most(1.25), about=about, details=per_event)
    ]


def _stored() -> tuple[dict[str, Any], dict[str, Any]]:
    """An order of two lines, in the newest form and in the first."""
    line = {
        "product_id": "p1",
        "product_name": "Teapot",
        "quantity": 2,
        "unit_price": 2500,
        "line_total": 5000,
    }
    data: dict[str, Any] = {
        "order_id": "o1",
        "customer_id": "c1",
        "customer_name": "Ann Archer",
        "reference": None,
        "placed_at": datetime(2024, 5, 1, 12, tzinfo=UTC),
        "currency": workload.CURRENCY,
        "lines": [line, line],
        "total": 10_000,
        "units": 4,
        "shipping_address": {"line2": None, "region": None, **workload.ADDRESS},
    }
    first = {"type": KIND, "v": 1, "data": data}
    return registry.to_stored(registry.from_stored(first)), first


def _seconds(stored: Mapping[str, Any], count: int) -> float:
    read, began = registry.from_stored, time.perf_counter()
    for _ in range(count):
        read(stored)
    return time.perf_counter() - began


def _long_chain() -> Any:
    steps = upcasters.UPCASTERS[KIND] + (lambda data: {**data},) * (LONG - 1)
    return mock.patch.object(upcasters, "UPCASTERS", {KIND: steps})
