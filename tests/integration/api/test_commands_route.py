"""``/ops/commands``: the newest commands, and those of one outcome."""

from typing import Any

import pytest

from bus.messages.streams import order_stream
from tests.integration.api.both_sides import BothSides
from tests.integration.api.stories import O1

MISSING = {"status": "confirmed"}


@pytest.fixture
def asked(both: BothSides) -> BothSides:
    """A customer, a refusal, and a product that nobody has decided about."""
    customer = {"customer_id": "c1", "name": "Ann", "email": "a@b.cd"}
    both.ask(both.shop.staff, "POST", "/customers", customer)
    both.ask(both.shop.staff, "PATCH", f"/orders/{O1}/status", MISSING)
    product = {"product_id": "p1", "name": "Pot", "unit_price": 5, "currency": "EUR"}
    both.shop.staff.simulate_post("/products", json=product)
    return both


def listed(both: BothSides, query: str = "") -> Any:
    result = both.shop.ops.simulate_get(f"/ops/commands{query}")
    assert result.status_code == 200, result.text
    return result.json


def test_the_newest_come_first_whatever_they_came_to(asked: BothSides) -> None:
    told = listed(asked)
    assert [(row["type"], row["status"]) for row in told["commands"][:3]] == [
        ("AddProduct", "accepted"),
        ("ChangeOrderStatus", "rejected"),
        ("RegisterCustomer", "succeeded"),
    ]
    waiting, refused, done = told["commands"][:3]
    assert (waiting["finished_at"], waiting["problem"], done["problem"]) == (None, None, None)
    assert (refused["stream"], refused["by"]) == (order_stream(O1), "staff:sam")
    assert refused["problem"]["status"] == 404
    assert refused["accepted_at"] <= refused["finished_at"]


@pytest.mark.parametrize("status", ["accepted", "succeeded", "rejected", "failed"])
def test_one_outcome_alone(asked: BothSides, status: str) -> None:
    expected = [row for row in listed(asked)["commands"] if row["status"] == status]
    assert bool(expected) == (status != "failed")
    assert listed(asked, f"?status={status}")["commands"] == expected


def test_that_there_are_more_is_said(asked: BothSides) -> None:
    whole = listed(asked)
    assert not whole["more"]
    assert listed(asked, "?limit=1") == {"commands": whole["commands"][:1], "more": True}
    assert asked.shop.ops.simulate_get("/ops/commands?status=lost").status_code == 400
