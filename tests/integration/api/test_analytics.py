"""Whose days the analytics count by, and what they answer from documents that they cannot read."""

from collections.abc import Callable, Iterator

import pytest

from bus.settings import Settings
from tests.support import messages
from tests.support.shop_api import Shop, open_shop

BOTH = {"/analytics/orders": "order_analytics", "/analytics/products": "product_sales"}
Registered = Callable[..., Shop]


@pytest.fixture
def order(shop: Shop) -> Shop:
    shop.happened("customer-c1", messages.customer_registered())
    shop.happened("order-o1", messages.order_placed())
    return shop


@pytest.fixture
def registered(settings: Settings) -> Iterator[Registered]:
    """The API over generations that are registered with other fields, before it has looked."""
    with open_shop(settings) as shop:

        def with_fields(**fields: object) -> Shop:
            changes = {f"generations.1.{name}": value for name, value in fields.items()}
            shop.read.read_models.update_many({"_id": {"$in": list(BOTH.values())}}, {"$set": changes})
            return shop

        yield with_fields


def test_an_answer_that_counts_the_shops_days_names_no_zone(shop: Shop) -> None:
    for path in BOTH:
        assert "time_zone" not in shop.staff.simulate_get(path).json


@pytest.mark.usefixtures("unhurried")
def test_until_the_rebuild_it_is_the_zone_of_the_documents(registered: Registered) -> None:
    shop = registered(time_zone="Asia/Kathmandu")
    for path in BOTH:
        assert shop.staff.simulate_get(path).json["time_zone"] == "Asia/Kathmandu"
    ready = shop.client().simulate_get("/health/ready")
    assert (ready.status_code, ready.json["status"]) == (200, "degraded")
    assert ready.json["parts"]["time_zone"] == "rebuild order_analytics, product_sales"
    models = {row["read_model"]: row for row in shop.ops.simulate_get("/ops/read-models").json["read_models"]}
    for name in BOTH.values():
        assert (models[name]["time_zone"], models[name]["this_time_zone"]) == ("Asia/Kathmandu", "UTC")
    assert models["products"]["time_zone"] is None


@pytest.mark.parametrize("version", [1, 99])
def test_nothing_is_summed_of_documents_of_another_version(registered: Registered, version: int) -> None:
    """They are laid out otherwise, and the sums would be wrong."""
    shop = registered(version=version)
    for path, name in BOTH.items():
        refused = shop.staff.simulate_get(path)
        assert (refused.status_code, refused.json["type"]) == (503, "/problems/read-model-behind")
        assert name in refused.json["detail"]
        assert int(refused.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("by", "period"),
    [
        ("day", "2024-05-01"),
        ("week", "2024-W18"),
        ("month", "2024-05"),
        ("quarter", "2024-Q2"),
        ("year", "2024"),
    ],
)
def test_orders_are_counted_by_each_kind_of_period(order: Shop, by: str, period: str) -> None:
    [bucket] = order.staff.simulate_get(f"/analytics/orders?by={by}").json["buckets"]
    assert (bucket["period"], bucket["orders"], bucket["discounts"]) == (period, 1, 0)


def test_another_kind_of_period_is_refused(shop: Shop) -> None:
    assert shop.staff.simulate_get("/analytics/orders?by=decade").status_code == 400
