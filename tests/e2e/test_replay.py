"""Northwind through the running system: every figure that a read model shows is the one in the files."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from bus.messages.values import OrderStatus
from tests import northwind as figures
from tests.system import System

pytestmark = pytest.mark.timeout(420)

REPLAY_S = 300.0
Documents = list[dict[str, Any]]


@pytest.fixture(scope="module")
def replayed() -> Iterator[System]:
    """A system of its own, with nothing in it but Northwind."""
    with System() as system:
        _replay(system)
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


def _replay(system: System) -> str:
    run = system.run("api", "replay", str(figures.folder()), timeout=REPLAY_S)
    assert run.returncode == 0, f"{run.stdout}\n{run.stderr}\n{system.told()}"
    return run.stdout


def _get(client: httpx.Client, path: str, **query: str | int) -> dict[str, Any]:
    response = client.get(path, params=query)
    assert response.status_code == 200, response.text
    document: dict[str, Any] = response.json()
    return document


def _pages(client: httpx.Client, name: str) -> Documents:
    """All of a list, page by page."""
    page = _get(client, f"/{name}", limit=100)
    found: Documents = page[name]
    while page["next_cursor"]:
        page = _get(client, f"/{name}", limit=100, cursor=page["next_cursor"])
        found += page[name]
    return found


def test_every_order_is_there_once(summaries: dict[str, Any], details: dict[str, Any]) -> None:
    assert len(summaries) == len(details) == 830
    assert set(details) == {order.number for order in figures.orders()}


def test_every_order_has_its_lines_at_the_prices_of_the_day(details: dict[str, Any]) -> None:
    for order in figures.orders():
        shown = details[order.number]
        lines = {item["product_id"]: (item["unit_price"], item["quantity"]) for item in shown["items"]}
        assert lines == order.lines, order.number
        assert (shown["total"], shown["units"]) == (order.total, order.units)
        assert shown["currency"] == "USD"


def test_every_order_has_its_history(details: dict[str, Any]) -> None:
    for order in figures.orders():
        history = [(entry["status"], entry["at"]) for entry in details[order.number]["history"]]
        ordered = f"{order.day}T00:00:00.000Z"
        expected = [("pending", ordered)]
        if order.shipped_day:
            expected += [("confirmed", ordered), ("shipped", f"{order.shipped_day}T00:00:00.000Z")]
        assert history == expected, order.number
        assert details[order.number]["version"] == len(expected)
        assert details[order.number]["shipping_address"]["country"] == order.country


def test_the_list_and_the_details_agree(summaries: dict[str, Any], details: dict[str, Any]) -> None:
    names = figures.company_names()
    for detail in details.values():
        summary = summaries[detail["order_id"]]
        assert summary == {field: detail[field] for field in summary}
        assert summary["customer_name"] == names[summary["customer_id"]]


def test_the_list_is_newest_first(summaries: dict[str, Any]) -> None:
    shown = [(order["placed_at"], order_id) for order_id, order in summaries.items()]
    assert shown == sorted(shown, reverse=True)


def test_every_month_is_as_in_the_files(staff: httpx.Client) -> None:
    analytics = _get(staff, "/analytics/orders", by="month")
    shown = {b["period"]: (b["orders"], b["units"], b["gross"]) for b in analytics["buckets"]}
    assert shown == figures.per_month()
    (total,) = analytics["totals"]
    assert total["by_status"] == {
        **dict.fromkeys(OrderStatus, 0),
        OrderStatus.SHIPPED: 809,
        OrderStatus.PENDING: 21,
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


def test_every_product_sold_what_is_in_the_files(staff: httpx.Client) -> None:
    sales = _get(staff, "/analytics/products", limit=100)["products"]
    shown = {product["product_id"]: (product["units"], product["gross"]) for product in sales}
    assert shown == figures.per_product()
    assert [product["gross"] for product in sales] == sorted((p["gross"] for p in sales), reverse=True)
    names = {product["product_id"]: product["name"] for product in _pages(staff, "products")}
    assert {product["product_id"]: product["product_name"] for product in sales} == names


def test_every_product_has_its_last_price(staff: httpx.Client) -> None:
    products = _pages(staff, "products")
    assert {p["product_id"]: p["unit_price"] for p in products} == figures.last_prices()
    assert {p["product_id"] for p in products if p["discontinued"]} == figures.discontinued()


def test_every_customer_spent_what_is_in_the_files(staff: httpx.Client) -> None:
    customers = _pages(staff, "customers")
    assert {c["customer_id"]: (c["orders"], c["spent"]) for c in customers} == figures.per_customer()
    assert {c["customer_id"]: c["name"] for c in customers} == figures.company_names()


def test_a_customer_sees_its_own_orders_only(replayed: System, staff: httpx.Client) -> None:
    own = {order["order_id"] for order in _pages(replayed.client("customer", "ALFKI"), "orders")}
    of_alfki = _get(staff, "/orders", customer_id="ALFKI", limit=100)["orders"]
    assert own == {order["order_id"] for order in of_alfki}
    assert len(own) == sum(order.customer == "ALFKI" for order in figures.orders())


def test_a_second_replay_changes_nothing(replayed: System) -> None:
    before = _everything(replayed)
    told = _replay(replayed)
    replayed.until_quiet()
    assert _everything(replayed) == before
    assert [line.split()[-4] for line in told.splitlines() if "│ orders" in line] == ["830"]


def _everything(system: System) -> dict[str, Documents]:
    """The log, the inbox and the read models as they are stored; leases move, so checkpoints do not count."""
    write, read = system.write_database, system.read_database
    stored = {
        "commits": list(write.commits.find(sort=[("partition", 1), ("seq", 1)])),
        "commands": list(write.commands.find(sort=[("_id", 1)])),
    }
    names = [stored["_id"] for stored in read.read_models.find()]
    assert len(names) == 6
    return {**stored, **{name: list(read[name].find(sort=[("_id", 1)])) for name in names}}
