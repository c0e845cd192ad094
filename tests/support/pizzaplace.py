"""A year of a pizza place: the table ``pizzaplace`` that the package ``great-tables`` ships as an example.

It has a row for each pizza of 21,350 orders. It is read where pip put it; nothing of it is in this project.
"""

import importlib.util
from collections import defaultdict
from pathlib import Path

from tests.support.northwind import cents
from tests.support.recorded import Line, Order, Recorded

MAPPING = Path(__file__).parents[1] / "mappings" / "pizzaplace.toml"


def source() -> Path:
    """Where the table is. The package is only found: importing it takes half a second."""
    found = importlib.util.find_spec("great_tables")
    assert found is not None
    assert found.origin is not None, "great-tables is installed with the extra `dev`"
    (path,) = (Path(found.origin).parent / "data").glob("*-pizzaplace.csv")
    return path


def read(folder: Path, orders: int | None = None) -> Recorded:
    """All of it, or its first orders, which are then written to a folder."""
    path = source()
    header, *rows = path.read_text(encoding="utf-8").splitlines()
    of_order: dict[str, list[list[str]]] = defaultdict(list)
    for row in rows:
        of_order[row.partition(",")[0]].append(row.split(","))
    chosen = list(of_order)[:orders]
    if orders is not None:
        path = folder / "pizzas.csv"
        path.write_text("\n".join([header, *(",".join(row) for id_ in chosen for row in of_order[id_])]))
    pizzas = [row for id_ in chosen for row in of_order[id_]]
    return Recorded(
        name="pizzaplace",
        files=[path],
        mapping=MAPPING,
        currency="USD",
        orders=[_order(of_order[id_]) for id_ in chosen],
        products={f"{row[3]}-{row[4]}": (f"{row[3]} {row[4]}", cents(row[6])) for row in pizzas},
    )


def _order(pizzas: list[list[str]]) -> Order:
    id_, date, time, *_ = pizzas[0]
    lines = [Line(f"{name}-{size}", 1, cents(price)) for _, _, _, name, size, _, price in pizzas]
    return Order(reference=id_, customer=None, at=f"{date}T{time}.000Z", lines=lines)
