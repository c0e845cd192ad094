"""Recorded trade through the running system: every figure that a read model shows is the one in the files."""

import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from bus.messages.values import OrderStatus
from read_side.projections import READ_MODELS
from tests.support.recorded import WALK_IN, Order, Recorded
from tests.support.system import System
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(900)

IMPORT_S = 600
SOME, SOME_S = 20, 60
PAGE = 100
Documents = list[dict[str, Any]]


@pytest.fixture(scope="module")
def imported(recorded: Recorded) -> Iterator[System]:
    """A system of its own, with nothing in it but what was imported; the first run was killed halfway."""
    with System() as system:
        _killed_import(system, recorded)
        _import(system, recorded)
        system.until_quiet()
        yield system


@pytest.fixture(scope="module")
def staff(imported: System) -> httpx.Client:
    return imported.client("staff")


@pytest.fixture(scope="module")
def summaries(staff: httpx.Client) -> dict[str, dict[str, Any]]:
    """Every order in the list, by id."""
    return {order["order_id"]: order for order in _pages(staff, "orders")}


@pytest.fixture(scope="module")
def details(staff: httpx.Client, summaries: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Every order by its number in the files."""
    found = (_get(staff, f"/orders/{order_id}") for order_id in summaries)
    return {order["reference"]: order for order in found}


def _arguments(recorded: Recorded) -> list[str]:
    return [*map(str, recorded.files), "--mapping", str(recorded.mapping)]


def _killed_import(system: System, recorded: Recorded) -> None:
    """Begin an import that is killed while it sends orders."""
    begun = system.run("tests.support.killed_import", str(SOME), *_arguments(recorded), timeout=IMPORT_S)
    assert begun.returncode == -signal.SIGKILL, f"{begun.stdout}\n{begun.stderr}\n{system.told()}"
    until(lambda: _placed(system) >= SOME, SOME_S, "some orders placed")
    assert _placed(system) < len(recorded.orders)


def _placed(system: System) -> int:
    return system.write_database.commits.count_documents({"events.type": "OrderPlaced"})


def _import(system: System, recorded: Recorded) -> str:
    run = system.run("api", "import", *_arguments(recorded), timeout=IMPORT_S)
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


def _lines(order: Order, products: dict[str, int]) -> list[tuple[str, int, int, int, int, int]]:
    return [
        (line.product, line.quantity, products[line.product], line.unit_price, line.discount, line.total)
        for line in order.lines
    ]


def test_every_order_is_there_once(
    recorded: Recorded, summaries: dict[str, Any], details: dict[str, Any]
) -> None:
    numbers = [order.reference for order in recorded.orders]
    assert sorted(details) == sorted(numbers)
    assert len(summaries) == len(numbers)


def test_every_order_has_its_lines_as_they_were_sold(recorded: Recorded, details: dict[str, Any]) -> None:
    prices = {product: price for product, (_, price) in recorded.products.items()}
    fields = ("product_id", "quantity", "list_price", "unit_price", "discount", "line_total")
    for order in recorded.orders:
        shown = details[order.reference]
        lines = [tuple(item[name] for name in fields) for item in shown["items"]]
        assert lines == _lines(order, prices), order.reference
        assert (shown["total"], shown["units"]) == (order.total, order.units)
        assert shown["currency"] == recorded.currency


def test_every_order_has_its_history(recorded: Recorded, details: dict[str, Any]) -> None:
    for order in recorded.orders:
        history = [(entry["status"], entry["at"]) for entry in details[order.reference]["history"]]
        assert history == [("pending", order.at), *order.changes], order.reference
        assert details[order.reference]["version"] == 1 + len(order.changes)


def test_every_order_is_sent_where_it_was_sent(recorded: Recorded, details: dict[str, Any]) -> None:
    for order in recorded.orders:
        address = details[order.reference]["shipping_address"]
        given = address and {name: text for name, text in address.items() if text is not None}
        assert given == order.address, order.reference


def test_the_list_and_the_details_agree(
    recorded: Recorded, summaries: dict[str, Any], details: dict[str, Any]
) -> None:
    for order in recorded.orders:
        detail = details[order.reference]
        summary = summaries[detail["order_id"]]
        assert summary == {field: detail[field] for field in summary}
        assert summary["customer_id"] == order.customer
        name = WALK_IN if order.customer is None else recorded.customers[order.customer]
        assert summary["customer_name"] == name


def test_the_list_is_newest_first(summaries: dict[str, Any]) -> None:
    shown = [(order["placed_at"], order_id) for order_id, order in summaries.items()]
    assert shown == sorted(shown, reverse=True)


@pytest.mark.parametrize(("by", "length"), [("day", 10), ("month", 7), ("year", 4)])
def test_every_period_is_as_in_the_files(
    recorded: Recorded, staff: httpx.Client, by: str, length: int
) -> None:
    analytics = _get(staff, "/analytics/orders", by=by)
    fields = ("orders", "units", "gross", "discounts")
    shown = {bucket["period"]: tuple(bucket[name] for name in fields) for bucket in analytics["buckets"]}
    assert shown == recorded.per_period(lambda at: at[:length])
    (total,) = analytics["totals"]
    (sums,) = recorded.per_period(lambda _: "").values()
    assert tuple(total[name] for name in fields) == sums
    statuses = Counter(order.status for order in recorded.orders)
    assert total["by_status"] == {status.value: statuses[status] for status in OrderStatus}
    cancelled = [order.total for order in recorded.orders if order.status == "cancelled"]
    assert (total["cancelled_orders"], total["cancelled_gross"]) == (len(cancelled), sum(cancelled))


def test_every_product_sold_what_is_in_the_files(recorded: Recorded, staff: httpx.Client) -> None:
    """The hundred that sold best; a product that sold as much as the hundredth may stand for it."""
    sales = _get(staff, "/analytics/products", limit=100)["products"]
    expected = recorded.per_product()
    shown = {p["product_id"]: (p["units"], p["gross"], p["discounts"]) for p in sales}
    assert shown == {product: expected[product] for product in shown}
    best = sorted((gross for _, gross, _ in expected.values()), reverse=True)[:100]
    assert [product["gross"] for product in sales] == best
    names = {product: name for product, (name, _) in recorded.products.items()}
    assert [p["product_name"] for p in sales] == [names[p["product_id"]] for p in sales]


def test_every_product_is_there(recorded: Recorded, staff: httpx.Client) -> None:
    products = _pages(staff, "products")
    assert {p["product_id"]: (p["name"], p["unit_price"]) for p in products} == dict(recorded.products)
    assert {p["product_id"] for p in products if p["discontinued"]} == recorded.discontinued


def test_every_customer_spent_what_is_in_the_files(recorded: Recorded, staff: httpx.Client) -> None:
    customers = _pages(staff, "customers")
    assert {c["customer_id"]: (c["orders"], c["spent"]) for c in customers} == recorded.per_customer()
    assert {c["customer_id"]: c["name"] for c in customers} == dict(recorded.customers)


def test_a_customer_sees_its_own_orders_only(
    recorded: Recorded, imported: System, staff: httpx.Client
) -> None:
    of_customers = Counter(order.customer for order in recorded.orders)
    ((best, orders),) = of_customers.most_common(1)
    own = _pages(imported.client("customer", best or "nobody"), "orders")
    assert len(own) == (0 if best is None else orders)
    if best is not None:
        listed = _get(staff, "/orders", customer_id=best, limit=PAGE)["orders"]
        assert own[:PAGE] == listed


def test_a_second_import_changes_nothing(recorded: Recorded, imported: System) -> None:
    before = _everything(imported)
    told = _import(imported, recorded)
    imported.until_quiet()
    assert _everything(imported) == before
    (known,) = [line.split()[-4] for line in told.splitlines() if "│ orders" in line]
    assert int(known) == len(recorded.orders)


def _everything(system: System) -> dict[str, Documents]:
    """The log and the read models as they are stored; leases move, so checkpoints do not count."""
    write, read = system.write_database, system.read_database
    stored = {"commits": list(write.commits.find(sort=[("partition", 1), ("seq", 1)]))}
    assert write.commands.count_documents({}) == 0, "all are finished"
    names = {entry["_id"] for entry in read.read_models.find()}
    assert names == {model.name for model in READ_MODELS}
    stored |= {name: list(read[name].find(sort=[("_id", 1)])) for name in names}
    assert stored["commits"]
    return stored
