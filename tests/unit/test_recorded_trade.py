"""Recorded trade as requests: complete, in order, the same again, and nothing of it refused."""

from collections import Counter

import pytest

from api.client.delivery import Request
from api.importing import history, mapping, tables
from api.importing.command import Import
from api.importing.history import History
from bus.terminal import Terminal
from tests.support.recorded import Line, Recorded

# Counted by hand: customers, products, orders, changes, discontinuations; the lines; the sum of all orders.
COUNTED = {
    ("pizzaplace", 400): ((0, 90, 400, 0, 0), 942, 15_591_50),
    ("pizzaplace", 21350): ((0, 91, 21350, 0, 0), 49574, 817_860_05),
    ("superstore", 150): ((138, 297, 150, 2 * 150, 0), 326, 84_713_93),
    ("superstore", 5009): ((793, 1862, 5009, 2 * 5009, 0), 9994, 2_297_201_07),
    ("northwind", 830): ((91, 77, 830, 2 * 809, 8), 2155, 1_265_792_76),
}


@pytest.fixture(scope="module")
def read(recorded: Recorded) -> History:
    found = mapping.read(recorded.mapping)
    return History(found, tables.read(found, recorded.files))


@pytest.fixture(scope="module")
def requests(read: History) -> list[Request]:
    return [request for stage in read.stages for request in stage]


def of_kind(requests: list[Request], kind: str) -> list[Request]:
    return [request for request in requests if request.kind == kind]


def test_everything_is_there(recorded: Recorded, requests: list[Request]) -> None:
    kinds, lines, sold = COUNTED[recorded.name, len(recorded.orders)]
    assert tuple(Counter(request.kind for request in requests)[kind] for kind in history.KINDS) == kinds
    assert sum(len(order.body["items"]) for order in of_kind(requests, history.ORDERS)) == lines
    assert sum(order.total for order in recorded.orders) == sold


def test_every_order_is_as_in_the_files(recorded: Recorded, requests: list[Request]) -> None:
    sent = {request.body["reference"]: request.body for request in of_kind(requests, history.ORDERS)}
    assert set(sent) == {order.reference for order in recorded.orders}
    for order in recorded.orders:
        body = sent[order.reference]
        lines = [
            Line(item["product_id"], item["quantity"], item["unit_price"], item.get("discount", 0))
            for item in body["items"]
        ]
        assert lines == list(order.lines)
        assert (body.get("customer_id"), body["occurred_at"]) == (order.customer, order.at)
        assert body.get("shipping_address") == order.address


def test_nothing_would_be_refused(recorded: Recorded) -> None:
    one = Import(recorded.files, recorded.mapping, Terminal(quiet=True))
    one.rehearse()
    assert one.refusals == []


def test_every_key_is_its_own_and_the_same_again(recorded: Recorded, requests: list[Request]) -> None:
    keys = [request.key for request in requests]
    assert len(set(keys)) == len(keys)
    found = mapping.read(recorded.mapping)
    again = History(found, tables.read(found, recorded.files))
    assert [request for stage in again.stages for request in stage] == requests


def test_it_is_in_the_order_of_the_history(read: History) -> None:
    """By time, where a change that is earlier than its order counts as having its time."""
    latest: dict[str, str] = {}
    times = []
    for request in read.stages[1]:
        before = latest.get(request.after or "", "")
        latest[request.key] = max(request.body["occurred_at"], before)
        times.append(latest[request.key])
        assert request.after is None or request.after in latest
    assert times == sorted(times)
