"""Northwind's files as requests: complete, in order, and refused with file and line where they are wrong."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from api.bodies import Body, NewCustomer, NewOrder, NewProduct, OrderStatusChange, ProductChange
from api.replay import northwind
from api.replay.errors import BadInputError
from api.replay.request import Request
from tests import northwind as figures

BODIES: dict[str, type[Body]] = {
    northwind.CUSTOMERS: NewCustomer,
    northwind.PRODUCTS: NewProduct,
    northwind.PRICE_CHANGES: ProductChange,
    northwind.ORDERS: NewOrder,
    northwind.STATUS_CHANGES: OrderStatusChange,
    northwind.DISCONTINUATIONS: ProductChange,
}


@pytest.fixture(scope="module")
def requests() -> list[Request]:
    return list(northwind.requests(northwind.read(figures.folder())))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy to spoil."""
    for name in ("customers", "products", "orders", "order-details"):
        shutil.copy(figures.folder() / f"{name}.csv", tmp_path)
    return tmp_path


def spoil(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def of_kind(requests: list[Request], kind: str) -> list[Request]:
    return [request for request in requests if request.kind == kind]


def test_everything_is_there(requests: list[Request]) -> None:
    assert Counter(request.kind for request in requests) == {
        "customers": 91,
        "products": 77,
        "price changes": 80,
        "orders": 830,
        "status changes": 2 * 809,
        "discontinuations": 8,
    }
    assert sum(len(order.body["items"]) for order in of_kind(requests, northwind.ORDERS)) == 2155


def test_every_body_is_one_the_api_takes(requests: list[Request]) -> None:
    for request in requests:
        BODIES[request.kind].model_validate(request.body)


def test_every_key_is_its_own_and_the_same_again(requests: list[Request]) -> None:
    keys = [request.key for request in requests]
    assert len(set(keys)) == len(keys)
    assert list(northwind.requests(northwind.read(figures.folder()))) == requests


def test_the_prices_at_the_time_of_each_order_are_those_it_was_sold_at(requests: list[Request]) -> None:
    prices: dict[str, int] = {}
    totals: dict[str, int] = {}
    for request in requests:
        if request.kind == northwind.PRODUCTS:
            prices[request.body["product_id"]] = request.body["unit_price"]
        elif request.kind == northwind.PRICE_CHANGES:
            product_id = request.path.rpartition("/")[2]
            assert prices[product_id] != request.body["unit_price"]
            prices[product_id] = request.body["unit_price"]
        elif request.kind == northwind.ORDERS:
            items = request.body["items"]
            totals[request.body["reference"]] = sum(prices[i["product_id"]] * i["quantity"] for i in items)
    assert totals == {order.number: order.total for order in figures.orders()}


def test_a_status_change_follows_its_order(requests: list[Request]) -> None:
    placed: set[str] = set()
    for request in requests:
        if request.kind == northwind.ORDERS:
            placed.add(request.key)
        elif request.kind == northwind.STATUS_CHANGES:
            assert request.order in placed


def test_an_address_with_commas_is_whole_and_nothing_is_left_out(requests: list[Request]) -> None:
    orders = {request.body["reference"]: request.body for request in of_kind(requests, northwind.ORDERS)}
    assert orders["10250"] == {
        "customer_id": "HANAR",
        "items": [
            {"product_id": "41", "quantity": 10},
            {"product_id": "51", "quantity": 35},
            {"product_id": "65", "quantity": 15},
        ],
        "shipping_address": {
            "line1": "Rua do Paço, 67",
            "city": "Rio de Janeiro",
            "region": "RJ",
            "postal_code": "05454-876",
            "country": "Brazil",
        },
        "reference": "10250",
        "occurred_at": "1996-07-08T00:00:00.000Z",
    }
    assert "region" not in orders["10248"]["shipping_address"]
    assert {n: body["shipping_address"]["country"] for n, body in orders.items()} == {
        order.number: order.country for order in figures.orders()
    }


def test_a_quoted_address_and_an_empty_region_are_read_too(folder: Path) -> None:
    spoil(folder, "orders.csv", "Rua do Paço, 67,Rio de Janeiro,RJ", '"Rua do Paço, 67",Rio de Janeiro,')
    orders = of_kind(list(northwind.requests(northwind.read(folder))), northwind.ORDERS)
    address = orders[2].body["shipping_address"]
    assert address["line1"] == "Rua do Paço, 67"
    assert "region" not in address


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("customers.csv", "CustomerID,", "Customer,", "line 1: there is no column CustomerID"),
        ("customers.csv", "\nANATR,", "\nALFKI,", "line 3: customer ALFKI is there twice"),
        ("customers.csv", ",Ana Trujillo Emparedados y helados,", ",NULL,", "line 3: CompanyName 'NULL'"),
        ("products.csv", ",18.00,", ",18.001,", "line 2: UnitPrice '18.001': must be whole cents"),
        ("products.csv", ",18.00,", ",-18.00,", "line 2: UnitPrice '-18.00': must be an amount"),
        ("products.csv", "\n2,Chang,", "\n2,Chang,extra,", "line 3: 11 cells for 10 columns"),
        ("orders.csv", ",VINET,", ",NOONE,", "line 2: there is no customer NOONE"),
        ("orders.csv", "1996-07-04 00:00:00.000,", "4 July 1996,", "line 2: OrderDate '4 July 1996'"),
        ("orders.csv", "1996-07-16 00:", "1996-07-01 00:", "line 2: order 10248 was shipped before"),
        ("orders.csv", "\n10249,", "\n10248,", "line 3: order 10248 is there twice"),
        ("orders.csv", "\n10249,", '\n"10249,', "not CSV"),
        ("orders.csv", "\n10249,TOMSP,6", "\n10249", "line 3: 12 cells for 14 columns"),
        ("order-details.csv", "10248,11,14.00,12", "10248,11,14.00,0", "line 2: Quantity '0'"),
        ("order-details.csv", "10248,42,", "10248,11,", "line 3: line of order 10248 of product 11 is there"),
        ("order-details.csv", "10248,11,", "10248,78,", "line 2: there is no product 78"),
        ("order-details.csv", "10248,11,", "10247,11,", "line 2: there is no order 10247"),
    ],
)
def test_a_bad_row_is_named(folder: Path, name: str, old: str, new: str, said: str) -> None:
    spoil(folder, name, old, new)
    with pytest.raises(BadInputError) as raised:
        northwind.read(folder)
    assert str(folder / name) in str(raised.value)
    assert said in str(raised.value)


def test_an_order_without_lines_is_named(folder: Path) -> None:
    path = folder / "order-details.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(line for line in lines if not line.startswith("10249,")))
    with pytest.raises(BadInputError, match=r"orders\.csv, line 3: order 10249 has 0 lines"):
        northwind.read(folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "products.csv").unlink()
    with pytest.raises(BadInputError, match=r"products\.csv: cannot be read: No such file"):
        northwind.read(folder)


def test_an_empty_file_is_named(folder: Path) -> None:
    (folder / "products.csv").write_text("")
    with pytest.raises(BadInputError, match=r"products\.csv, line 1: there is no header"):
        northwind.read(folder)


def test_another_encoding_is_named_with_its_line(folder: Path) -> None:
    path = folder / "customers.csv"
    path.write_bytes(path.read_text(encoding="utf-8").encode("latin-1"))
    with pytest.raises(BadInputError, match=r"customers\.csv, line 3: not UTF-8"):
        northwind.read(folder)
