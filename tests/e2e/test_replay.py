"""Recorded trade through the running system: every figure that a read model shows is the one in the files."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from bus.messages.values import OrderStatus
from read_side.projections import READ_MODELS
from tests.support.northwind import Figures
from tests.support.system import System

pytestmark = pytest.mark.timeout(900)

REPLAY_S = 600
PAGE = 40
"""So that the shortest list but one has several."""
Documents = list[dict[str, Any]]


@pytest.fixture(scope="module")
def replayed(recorded: Figures) -> Iterator[System]:
    """A system of its own, with nothing in it but what was replayed."""
    with System() as system:
        _replay(system, recorded)
        system.until_quiet()
        yield system


@pytest.fixture(scope="module")
def staff(replayed: System) -> httpx.Client:
    return replayed.client("staff")


@pytest.fixture(scope="module")
def summaries(staff: httpx.Client) -> dict[str, dict[str, Any]]:
    """Every order in the list, by id."""
    return {order["order_id"]: order for order in _pages(staff, "orders")}


@pytest.fixture(scope="module")
def details(staff: httpx.Client, summaries: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Every order by its number in the files."""
    found = (_get(staff, f"/orders/{order_id}") for order_id in summaries)
    return {order["reference"]: order for order in found}


def _replay(system: System, recorded: Figures) -> str:
    run = system.run("api", "replay", str(recorded.folder), timeout=REPLAY_S)
    assert run.returncode == 0, f"{run.stdout}\n{run.stderr}\n{system.told()}"
    return run.stdout


def _get(client: httpx.Client, path: str, **query: str | int) -> dict[str, Any]:
    response = client.get(path, params=query)
    assert response.status_code == 200, response.text
    document: dict[str, Any] = response.json()
    return document


def _pages(client: httpx.Client, name: str) -> Documents:
    """All of a list, page by page."""
    page = _get(client, f"/{name}", limit=PAGE)
    found: Documents = page[name]
    while page["next_cursor"]:
        page = _get(client, f"/{name}", limit=PAGE, cursor=page["next_cursor"])
        found += page[name]
    return found


def test_every_order_is_there_once(
    recorded: Figures, summaries: dict[str, Any], details: dict[str, Any]
) -> None:
    numbers = [order.number for order in recorded.orders()]
    assert sorted(details) == sorted(numbers)
    assert len(summaries) == len(numbers)


def test_every_order_has_its_lines_at_the_prices_of_the_day(
    recorded: Figures, details: dict[str, Any]
) -> None:
    for order in recorded.orders():
        shown = details[order.number]
        lines = {item["product_id"]: (item["unit_price"], item["quantity"]) for item in shown["items"]}
        assert lines == order.lines, order.number
        assert (shown["total"], shown["units"]) == (order.total, order.units)
        assert shown["currency"] == "USD"


def test_every_order_has_its_history(recorded: Figures, details: dict[str, Any]) -> None:
    for order in recorded.orders():
        history = [(entry["status"], entry["at"]) for entry in details[order.number]["history"]]
        expected = [("pending", order.at)]
        if order.shipped_at:
            expected += [("confirmed", order.at), ("shipped", order.shipped_at)]
        assert history == expected, order.number
        assert details[order.number]["version"] == len(expected)
        assert details[order.number]["shipping_address"]["country"] == order.country


def test_the_list_and_the_details_agree(
    recorded: Figures, summaries: dict[str, Any], details: dict[str, Any]
) -> None:
    names = recorded.company_names()
    for detail in details.values():
        summary = summaries[detail["order_id"]]
        assert summary == {field: detail[field] for field in summary}
        assert summary["customer_name"] == names[summary["customer_id"]]


def test_the_list_is_newest_first(summaries: dict[str, Any]) -> None:
    shown = [(order["placed_at"], order_id) for order_id, order in summaries.items()]
    assert shown == sorted(shown, reverse=True)


def test_every_month_is_as_in_the_files(recorded: Figures, staff: httpx.Client) -> None:
    analytics = _get(staff, "/analytics/orders", by="month")
    shown = {b["period"]: (b["orders"], b["units"], b["gross"]) for b in analytics["buckets"]}
    assert shown == recorded.per_month()
    (total,) = analytics["totals"]
    shipped = [order.shipped_at is not None for order in recorded.orders()]
    assert total["by_status"] == {
        **dict.fromkeys(OrderStatus, 0),
        OrderStatus.SHIPPED: shipped.count(True),
        OrderStatus.PENDING: shipped.count(False),
    }
    assert total["cancelled_orders"] == total["cancelled_gross"] == 0


def test_days_and_years_add_up_to_the_same(staff: httpx.Client, summaries: dict[str, Any]) -> None:
    analytics = {by: _get(staff, "/analytics/orders", by=by) for by in ("day", "month", "year")}
    assert analytics["day"]["totals"] == analytics["month"]["totals"] == analytics["year"]["totals"]
    days = {bucket["period"]: bucket["orders"] for bucket in analytics["day"]["buckets"]}
    assert days == Counter(order["placed_at"][:10] for order in summaries.values())
    (total,) = analytics["day"]["totals"]
    assert total["gross"] == sum(order["total"] for order in summaries.values())
    assert total["by_status"] == {
        **dict.fromkeys(OrderStatus, 0),
        **Counter(order["status"] for order in summaries.values()),
    }


def test_every_product_sold_what_is_in_the_files(recorded: Figures, staff: httpx.Client) -> None:
    sales = _get(staff, "/analytics/products", limit=100)["products"]
    shown = {product["product_id"]: (product["units"], product["gross"]) for product in sales}
    assert shown == recorded.per_product()
    assert [product["gross"] for product in sales] == sorted((p["gross"] for p in sales), reverse=True)
    names = {product["product_id"]: product["name"] for product in _pages(staff, "products")}
    assert {product["product_id"]: product["product_name"] for product in sales} == names


def test_every_product_has_its_last_price(recorded: Figures, staff: httpx.Client) -> None:
    products = _pages(staff, "products")
    assert {p["product_id"]: p["unit_price"] for p in products} == recorded.last_prices()
    assert {p["product_id"] for p in products if p["discontinued"]} == recorded.discontinued()


def test_every_customer_spent_what_is_in_the_files(recorded: Figures, staff: httpx.Client) -> None:
    customers = _pages(staff, "customers")
    assert {c["customer_id"]: (c["orders"], c["spent"]) for c in customers} == recorded.per_customer()
    assert {c["customer_id"]: c["name"] for c in customers} == recorded.company_names()


def test_a_customer_sees_its_own_orders_only(
    recorded: Figures, replayed: System, staff: httpx.Client
) -> None:
    of_customers = Counter(order.customer for order in recorded.orders())
    ((best, orders),) = of_customers.most_common(1)
    own = {order["order_id"] for order in _pages(replayed.client("customer", best), "orders")}
    listed = _get(staff, "/orders", customer_id=best, limit=100)["orders"]
    assert own == {order["order_id"] for order in listed}
    assert len(own) == orders


def test_a_second_replay_changes_nothing(recorded: Figures, replayed: System) -> None:
    before = _everything(replayed)
    told = _replay(replayed, recorded)
    replayed.until_quiet()
    assert _everything(replayed) == before
    (known,) = [line.split()[-4] for line in told.splitlines() if "│ orders" in line]
    assert int(known) == len(recorded.orders())


def _everything(system: System) -> dict[str, Documents]:
    """The log and the read models as they are stored; leases move, so checkpoints do not count."""
    write, read = system.write_database, system.read_database
    stored = {
        "commits": list(write.commits.find(sort=[("partition", 1), ("seq", 1)])),
    }
    assert write.commands.count_documents({}) == 0, "all are finished"
    names = {entry["_id"] for entry in read.read_models.find()}
    assert names == {model.name for model in READ_MODELS}
    stored |= {name: list(read[name].find(sort=[("_id", 1)])) for name in names}
    assert all(stored.values())
    return stored
