"""What an import is refused: a dry run says the same as a real one, row by row, and the rest is imported."""

import csv
import re
import uuid
from pathlib import Path

import pytest

from tests.support.pages import IMPORTING
from tests.support.shop_files import ShopFiles
from tests.support.system import System

SPOILED = (
    ("customers.csv", "c1;Ada", "c0;;;\nc1;Ada"),
    ("customers.csv", "c2;Émilie;du Châtelet;", "c2;Émilie;du Châtelet;nowhere"),
    ("products.csv", "pot;", "cup;Cup;dear;\npot;"),
    (
        *("sales.csv", "8;;31.01.2024"),
        # An unknown customer, an unknown product, more off than it costs, no quantity, and a time to come.
        (
            "9;c2;31.01.2024 09:00;;;tea;;;\n"
            "10;c1;31.01.2024 09:00;;;cup;1;;\n"
            "11;c1;31.01.2024 09:00;;;tea;1;8,90;9,00\n"
            "12;c1;31.01.2024 09:00;;;tea;0;8,90;\n"
            "13;c1;31.01.2024 09:00;;;tea;1;8,90;\n13;c1;;;;pot;x;8,90;\n"
            "14;c1;31.01.9999 09:00;;;tea;1;8,90;\n"
            "8;;31.01.2024"
        ),
    ),
    (
        *("states.csv", "8;storniert"),
        # Of an order that is refused, of none, not allowed, and too early.
        (
            "9;bezahlt;31.01.2024 09:00;\n"
            "12;bezahlt;31.01.2024 09:00;\n"
            "15;bezahlt;31.01.2024 09:00;\n"
            "7;bezahlt;03.07.2024 09:00;\n"
            "7;verloren;03.07.2024 09:00;\n"
            "8;bezahlt;31.01.2023 09:00;\n"
            "8;storniert"
        ),
    ),
)
REFUSED = [
    *[("customers.csv", "2", "name"), ("customers.csv", "4", "email")],
    ("products.csv", "3", "unit_price"),
    *[("sales.csv", "4", "customer_id"), ("sales.csv", "5", "product_id"), ("sales.csv", "6", "discount")],
    *[("sales.csv", "7", "quantity"), ("sales.csv", "9", "quantity"), ("sales.csv", "10", "occurred_at")],
    *[("states.csv", "5", "order_id"), ("states.csv", "6", "order_id"), ("states.csv", "7", "order_id")],
    *[("states.csv", "8", ""), ("states.csv", "9", "status"), ("states.csv", "10", "occurred_at")],
]


@pytest.fixture
def files(tmp_path: Path) -> ShopFiles:
    """With ids that nobody else uses: the system is shared."""
    files = ShopFiles(tmp_path)
    for change in SPOILED:
        files.spoil(*change)
    own = f"i{uuid.uuid4().hex[:8]}"
    for path, column in (("customers.csv", 0), ("sales.csv", 1), ("products.csv", 0), ("sales.csv", 5)):
        _prefix(tmp_path / path, column, own)
    files.spoil("shop.toml", 'name = "shop"', f'name = "{own}"')
    return files


def _prefix(path: Path, column: int, own: str) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file, delimiter=";")
    for row in rows:
        row[column] = row[column] and f"{own}-{row[column]}"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=";", lineterminator="\n").writerows([header, *rows])


def refused(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [{**row, "file": Path(row["file"]).name} for row in csv.DictReader(file)]


def test_a_dry_run_refuses_what_a_real_one_does(files: ShopFiles, system: System, tmp_path: Path) -> None:
    command = ["api", "import", *map(str, files.paths), "--mapping", str(files.mapping), "--url", system.url]
    found = []
    for name, options in (("dry", ["--dry-run"]), ("real", []), ("again", [])):
        said = tmp_path / f"{name}.refused"
        run = system.run(*command, "--refused", str(said), *options)
        assert (run.returncode, run.stderr) == (1, ""), f"{run.stdout}\n{run.stderr}\n{system.told()}"
        found.append(refused(said))
        assert all(row["reason"] in run.stdout for row in found[-1])
    assert [(row["file"], row["line"], row["field"]) for row in found[0]] == REFUSED
    assert [_timeless(row) for row in found[0]] == [_timeless(row) for row in found[1]]
    assert [_timeless(row) for row in found[2]] == [_timeless(row) for row in found[1]]
    (orders,) = [line.split() for line in run.stdout.splitlines() if "│ orders" in line]
    assert orders[-6::2] == ["0", "2", "6"], "new, known already, refused"


def _timeless(row: dict[str, str]) -> dict[str, str]:
    """Two runs have two times that are now."""
    return {**row, "reason": re.sub(r"after now, .*", "after now", row["reason"])}


def test_the_example_of_the_page(system: System, tmp_path: Path) -> None:
    """As it stands there, row by row; then with its row corrected."""
    blocks = {block.about: block.text for block in IMPORTING.blocks if block.about}
    for name in ("sales.csv", "sales.toml"):
        (tmp_path / name).write_text(blocks[name], encoding="utf-8")
    command = ["api", "import", str(tmp_path / "sales.csv"), "--mapping", str(tmp_path / "sales.toml")]
    dry = system.run(*command, "--dry-run")
    assert dry.returncode == 1, dry.stderr
    assert dry.stdout.replace(f"{tmp_path}/", "") == blocks["dry-run.txt"]

    real = system.run(*command)
    assert real.returncode == 1, f"{real.stdout}\n{real.stderr}\n{system.told()}"
    system.until_quiet()
    client = system.client("staff")
    (first,) = client.get("/orders", params={"customer_id": "c-1"}).json()["orders"]
    assert first["total"] == 5830
    assert client.get("/customers/c-2").json()["orders"] == 0

    corrected = blocks["sales.csv"].replace("Teapot,0,", "Teapot,1,")
    (tmp_path / "sales.csv").write_text(corrected, encoding="utf-8")
    again = system.run(*command)
    assert again.returncode == 0, f"{again.stdout}\n{again.stderr}\n{system.told()}"
    system.until_quiet()
    assert client.get("/customers/c-2").json()["orders"] == 1
    assert client.get("/customers/c-1").json()["orders"] == 1
