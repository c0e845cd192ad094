"""Three months of a pizza place's orders in the shape of Northwind's four files, for the replay's tests.

The data are two tables that the package ``great-tables`` ships as examples: ``pizzaplace``, a line for each
pizza of 21,350 orders, and ``peeps``, a hundred people with their addresses. They are read where pip put
them; nothing of them is in this project.

- An order is the first one of its day that has no pizza in two sizes: 90 orders, of January to March 2015.
- A product is a pizza, whatever its size, so its price moves as often as the size changes: 85 times.
- The two tables do not know each other. Orders go round the first 70 people; thirty never order.
- The place keeps no record of deliveries. Orders of March are taken as not shipped, earlier ones as shipped
  half an hour later, and a pizza that is made in one size only as discontinued.

Like Northwind's, the files say ``NULL`` for nothing and leave an address with commas unquoted.
"""

import csv
import importlib.util
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import cycle
from pathlib import Path

UNTIL = "2015-04"
UNSHIPPED = "2015-03"
"""The month of the orders that are still under way."""
BUYERS = 70
DELIVERY = timedelta(minutes=30)

Row = dict[str, str]


def source(name: str) -> list[Row]:
    """One of the package's tables. The package is only found: importing it takes half a second."""
    found = importlib.util.find_spec("great_tables")
    assert found is not None
    assert found.origin is not None, "great-tables is installed with the extra `dev`"
    (path,) = (Path(found.origin).parent / "data").glob(f"*-{name}.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def orders() -> list[list[Row]]:
    """The pizzas of each order, in the order of their days."""
    pizzas: dict[str, list[Row]] = defaultdict(list)
    for row in source("pizzaplace"):
        if row["date"] < UNTIL:
            pizzas[row["id"]].append(row)
    of_day: dict[str, list[Row]] = {}
    for order in pizzas.values():
        if len({row["name"] for row in order}) == len({(row["name"], row["size"]) for row in order}):
            of_day.setdefault(order[0]["date"], order)
    return list(of_day.values())


def write(folder: Path) -> None:
    """Write the four files."""
    people = source("peeps")
    chosen = orders()
    _write(folder / "customers.csv", "CustomerID,CompanyName,Address", _customers(people))
    _write(
        folder / "products.csv",
        "ProductID,ProductName,SupplierID,CategoryID,QuantityPerUnit,UnitPrice,UnitsInStock,UnitsOnOrder,"
        "ReorderLevel,Discontinued",
        _products(),
    )
    _write(
        folder / "orders.csv",
        "OrderID,CustomerID,EmployeeID,OrderDate,RequiredDate,ShippedDate,ShipVia,Freight,ShipName,"
        "ShipAddress,ShipCity,ShipRegion,ShipPostalCode,ShipCountry",
        _orders(chosen, people[:BUYERS]),
    )
    _write(folder / "order-details.csv", "OrderID,ProductID,UnitPrice,Quantity,Discount", _lines(chosen))


def _write(path: Path, header: str, rows: Iterator[Sequence[str]]) -> None:
    lines = [header, *(",".join(cell or "NULL" for cell in row) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _customer_id(person: Row) -> str:
    return person["email_addr"].partition("@")[0]


def _customers(people: list[Row]) -> Iterator[Sequence[str]]:
    for person in people:
        yield _customer_id(person), f"{person['name_given']} {person['name_family']}", person["address"]


def _products() -> Iterator[Sequence[str]]:
    """Listed at the price of the dearest size."""
    prices: dict[str, dict[str, str]] = defaultdict(dict)
    for row in source("pizzaplace"):
        prices[row["name"]][row["size"]] = row["price"]
    for name, by_size in sorted(prices.items()):
        title = name.replace("_", " ").title()
        price = max(by_size.values(), key=float)
        yield name, title, "", "", "", price, "", "", "", "1" if len(by_size) == 1 else "0"


def _orders(chosen: list[list[Row]], buyers: list[Row]) -> Iterator[Sequence[str]]:
    for pizzas, buyer in zip(chosen, cycle(buyers), strict=False):
        ordered = datetime.fromisoformat(f"{pizzas[0]['date']} {pizzas[0]['time']}")
        shipped = "" if pizzas[0]["date"].startswith(UNSHIPPED) else _moment(ordered + DELIVERY)
        where = [buyer[field] for field in ("address", "city", "state_prov", "postcode", "country")]
        yield _number(pizzas[0]), _customer_id(buyer), "", _moment(ordered), "", shipped, "", "", "", *where


def _lines(chosen: list[list[Row]]) -> Iterator[Sequence[str]]:
    for pizzas in chosen:
        number = _number(pizzas[0])
        for (name, price), quantity in Counter((row["name"], row["price"]) for row in pizzas).items():
            yield number, name, price, str(quantity), "0"


def _number(pizza: Row) -> str:
    """``2015-000001`` is 1."""
    return str(int(pizza["id"].partition("-")[2]))


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}.000"
