"""Files in Northwind's shape as requests: complete, in order, and refused with file and line where wrong."""

from collections import Counter
from pathlib import Path

import pytest

from api.http.bodies import Body
from api.replay import northwind
from api.replay.errors import BadInputError
from api.replay.request import Request
from api.resources.customers import NewCustomer
from api.resources.order_status import OrderStatusChange
from api.resources.orders import NewOrder
from api.resources.products import NewProduct, ProductChange
from tests.support import datasets, pizzaplace
from tests.support.northwind import Figures

BODIES: dict[str, type[Body]] = {
    northwind.CUSTOMERS: NewCustomer,
    northwind.PRODUCTS: NewProduct,
    northwind.PRICE_CHANGES: ProductChange,
    northwind.ORDERS: NewOrder,
    northwind.STATUS_CHANGES: OrderStatusChange,
    northwind.DISCONTINUATIONS: ProductChange,
}


# What the files hold, counted by hand: customers to discontinuations, then lines, then the sum of all orders.
COUNTED = {
    datasets.PIZZAPLACE: ((100, 32, 85, 90, 2 * 59, 3), 182, 3_015_45),
    datasets.NORTHWIND: ((91, 77, 80, 830, 2 * 809, 8), 2155, 1_354_458_59),
}


@pytest.fixture(scope="module")
def requests(recorded: Figures) -> list[Request]:
    return list(northwind.requests(northwind.read(recorded.folder)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files to spoil."""
    pizzaplace.write(tmp_path)
    return tmp_path


def spoil(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def of_kind(requests: list[Request], kind: str) -> list[Request]:
    return [request for request in requests if request.kind == kind]


def test_everything_is_there(recorded: Figures, requests: list[Request]) -> None:
    ((kinds, lines, sold),) = [COUNTED[name] for name in COUNTED if name in str(recorded.folder)]
    assert Counter(request.kind for request in requests) == dict(zip(BODIES, kinds, strict=True))
    assert sum(len(order.body["items"]) for order in of_kind(requests, northwind.ORDERS)) == lines
    assert sum(order.total for order in recorded.orders()) == sold


def test_every_body_is_one_the_api_takes(requests: list[Request]) -> None:
    for request in requests:
        BODIES[request.kind].model_validate(request.body)


def test_every_key_is_its_own_and_the_same_again(recorded: Figures, requests: list[Request]) -> None:
    keys = [request.key for request in requests]
    assert len(set(keys)) == len(keys)
    assert list(northwind.requests(northwind.read(recorded.folder))) == requests


def test_the_prices_at_the_time_of_each_order_are_those_it_was_sold_at(
    recorded: Figures, requests: list[Request]
) -> None:
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
    assert totals == {order.number: order.total for order in recorded.orders()}


def test_a_status_change_follows_its_order(requests: list[Request]) -> None:
    placed: set[str] = set()
    for request in requests:
        if request.kind == northwind.ORDERS:
            placed.add(request.key)
        elif request.kind == northwind.STATUS_CHANGES:
            assert request.order in placed


def test_every_address_is_whole(recorded: Figures, requests: list[Request]) -> None:
    """Also where it has commas; what the files say nothing of is not there."""
    shown = {request.body["reference"]: request.body for request in of_kind(requests, northwind.ORDERS)}
    assert set(shown) == {order.number for order in recorded.orders()}
    for order in recorded.orders():
        address = shown[order.number]["shipping_address"]
        assert (address["line1"], address["country"]) == (order.street, order.country)
        assert address.get("region") == order.region
    assert any("," in order.street for order in recorded.orders())
    assert any(order.region is None for order in recorded.orders())


def test_nothing_of_an_order_is_left_out(folder: Path) -> None:
    requests = list(northwind.requests(northwind.read(folder)))
    (order,) = [r.body for r in of_kind(requests, northwind.ORDERS) if r.body["reference"] == "3005"]
    assert order == {
        "customer_id": "brodie_ww",
        "items": [{"product_id": "mexicana", "quantity": 1}],
        "shipping_address": {
            "line1": "236 Matai Street East, Phillipstown",
            "city": "Christchurch",
            "postal_code": "8011",
            "country": "NZL",
        },
        "reference": "3005",
        "occurred_at": "2015-02-20T11:53:36.000Z",
    }


def test_a_quoted_address_and_an_empty_region_are_read_too(folder: Path) -> None:
    street = "236 Matai Street East, Phillipstown"
    spoil(folder, "orders.csv", f"{street},Christchurch,NULL", f'"{street}",Christchurch,')
    orders = of_kind(list(northwind.requests(northwind.read(folder))), northwind.ORDERS)
    (address,) = [r.body["shipping_address"] for r in orders if r.body["reference"] == "3005"]
    assert address["line1"] == street
    assert "region" not in address


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("customers.csv", "CustomerID,", "Customer,", "line 1: there is no column CustomerID"),
        ("customers.csv", "\npmoeller,", "\nrcconte,", "line 3: customer rcconte is there twice"),
        ("customers.csv", ",Peter Möller,", ",NULL,", "line 3: CompanyName 'NULL'"),
        ("products.csv", ",20.75,", ",20.751,", "line 2: UnitPrice '20.751': must be whole cents"),
        ("products.csv", ",20.75,", ",-20.75,", "line 2: UnitPrice '-20.75': must be an amount"),
        ("products.csv", "\nbig_meat,", "\nbig_meat,extra,", "line 3: 11 cells for 10 columns"),
        ("orders.csv", ",rcconte,", ",NOONE,", "line 2: there is no customer NOONE"),
        ("orders.csv", "2015-01-01 11:38:36.000,", "1 January 2015,", "line 2: OrderDate '1 January 2015'"),
        ("orders.csv", "2015-01-01 12:", "2015-01-01 10:", "line 2: order 1 was shipped before"),
        ("orders.csv", "\n70,", "\n1,", "line 3: order 1 is there twice"),
        ("orders.csv", "\n70,", '\n"70,', "not CSV"),
        ("orders.csv", "\n70,pmoeller,NULL", "\n70", "line 3: 12 cells for 14 columns"),
        ("order-details.csv", "1,hawaiian,13.25,1", "1,hawaiian,13.25,0", "line 2: Quantity '0'"),
        ("order-details.csv", "70,ital_veggie,", "70,soppressata,", "line 4: line of order 70 of product"),
        ("order-details.csv", "1,hawaiian,", "1,margherita,", "line 2: there is no product margherita"),
        ("order-details.csv", "1,hawaiian,", "2,hawaiian,", "line 2: there is no order 2"),
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
    path.write_text("\n".join(line for line in lines if not line.startswith("70,")))
    with pytest.raises(BadInputError, match=r"orders\.csv, line 3: order 70 has 0 lines"):
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
    path.write_bytes(path.read_text(encoding="utf-8").encode("latin-1", "replace"))
    with pytest.raises(BadInputError, match=r"customers\.csv, line 3: not UTF-8"):
        northwind.read(folder)
