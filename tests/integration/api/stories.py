"""Stories as tests ask for them, and a shop to tell of."""

from typing import Any

from falcon import testing

from bus.connections.clients import StoredDocument
from read_side.generations.registry import FIRST
from read_side.projections import READ_MODELS
from tests.integration.api.both_sides import BothSides, home
from tests.integration.sides import order_id
from tests.support import messages

O1 = order_id("c1")
OF_AN_ORDER = ["order_summary", "order_detail", "order_analytics", "product_sales", "customers"]
OF_A_PRODUCT = ["product_sales", "products"]
"""The models of the contract that show such a thing, in the order of the table."""
ORDER = {"items": [{"product_id": "p1", "quantity": 2}], "shipping_address": messages.ADDRESS}


def asked(both: BothSides, identity: str, query: str = "") -> testing.Result:
    return both.shop.ops.simulate_get(f"/ops/stories/{identity}{query}")


def story(both: BothSides, identity: str, query: str = "") -> dict[str, Any]:
    result = asked(both, identity, query)
    assert result.status_code == 200, result.text
    assert result.headers["cache-control"] == "no-store"
    assert result.json["id"] == identity
    found: dict[str, Any] = result.json
    return found


def in_the_story(found: dict[str, Any], name: str) -> dict[str, Any]:
    [row] = [row for row in found["read_models"] if row["name"] == name]
    shown: dict[str, Any] = row
    return shown


def concerned(both: BothSides, stream: str) -> list[str]:
    """The read models that an event of an order's or a product's stream concerns, in the table's order.

    A shop may have more than those of the contract. Of these it is checked here that they are what
    they are known to be.
    """
    commits = both.write.log.history(home(stream), stream)
    events = [one.event for commit in commits for one in commit.recorded()]
    names = [model.name for model in READ_MODELS if any(map(model.keys, events))]
    known = OF_AN_ORDER if stream.startswith("order-") else OF_A_PRODUCT
    assert [name for name in names if name in {*OF_AN_ORDER, *OF_A_PRODUCT}] == known
    return names


def stored(both: BothSides, name: str, document_id: str) -> StoredDocument:
    found = both.shop.read[f"{name}.g{FIRST}"].find_one({"_id": document_id})
    assert found is not None
    return found


def place(both: BothSides) -> None:
    """Ann, two products and an order of hers: decided, and not projected."""
    both.write.do(messages.register_customer())
    for product in ("p1", "p2"):
        both.write.do(messages.add_product(product_id=product))
    both.write.do(messages.place_order(order_id=O1))
