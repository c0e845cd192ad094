"""A made-up shop's files as requests: each row with its conversions, and what of it would be refused."""

from pathlib import Path

import pytest

from api.client.delivery import Request
from api.importing import mapping, tables
from api.importing.command import Import
from api.importing.errors import BadInputError
from api.importing.history import History
from bus.terminal import Terminal
from tests.support.shop_files import ShopFiles


@pytest.fixture
def files(tmp_path: Path) -> ShopFiles:
    return ShopFiles(tmp_path)


def stages(files: ShopFiles) -> list[list[Request]]:
    found = mapping.read(files.mapping)
    history = History(found, tables.read(found, files.paths))
    assert history.refusals == []
    return history.stages


def refusals(files: ShopFiles) -> list[str]:
    """What a dry run refuses, as it says it, with the files' names alone."""
    one = Import(files.paths, files.mapping, Terminal(quiet=True))
    one.rehearse()
    return [str(refusal).replace(f"{files.folder}/", "") for refusal in one.refusals]


def test_every_row_becomes_what_it_says(files: ShopFiles) -> None:
    catalogue, history, discontinued = stages(files)
    assert [(r.method, r.path, r.body, r.key) for r in catalogue] == [
        (
            *("POST", "/customers"),
            {"customer_id": "c1", "name": "Ada Lovelace", "email": "ada@shop.example"},
            "shop/customers/c1",
        ),
        ("POST", "/customers", {"customer_id": "c2", "name": "Émilie du Châtelet"}, "shop/customers/c2"),
        (
            *("POST", "/products"),
            {"product_id": "tea", "name": "Tea, loose", "unit_price": 890, "currency": "EUR"},
            "shop/products/tea",
        ),
        (
            *("POST", "/products"),
            {"product_id": "pot", "name": "Teapot", "unit_price": 145_000, "currency": "EUR"},
            "shop/products/pot",
        ),
    ]
    assert [(r.path, r.body) for r in discontinued] == [("/products/pot", {"discontinued": True})]
    assert [(r.path, r.body, r.key) for r in history] == [
        (
            "/orders",
            {
                "reference": "S-8",
                "occurred_at": "2024-01-31T08:00:00.000Z",
                "items": [{"product_id": "tea", "quantity": 1}],
            },
            "shop/orders/8",
        ),
        (
            "/orders/{order_id}/status",
            {"status": "cancelled", "occurred_at": "2024-01-31T08:05:00.000Z", "note": "changed his mind"},
            "shop/orders/8/cancelled",
        ),
        (
            "/orders",
            {
                "customer_id": "c1",
                "reference": "S-7",
                "occurred_at": "2024-07-01T10:30:00.000Z",
                "shipping_address": {"line1": "Kastanienallee 1", "city": "Berlin", "country": "DE"},
                "items": [
                    {"product_id": "tea", "quantity": 2, "unit_price": 890, "discount": 80},
                    {"product_id": "pot", "quantity": 1, "unit_price": 140_000},
                ],
            },
            "shop/orders/7",
        ),
        (
            "/orders/{order_id}/status",
            {"status": "confirmed", "occurred_at": "2024-07-01T10:31:00.000Z"},
            "shop/orders/7/confirmed",
        ),
        (
            "/orders/{order_id}/status",
            {"status": "shipped", "occurred_at": "2024-07-02T06:00:00.000Z", "note": "by bike;\ntwice"},
            "shop/orders/7/shipped",
        ),
    ]
    assert [r.after for r in history] == [
        *(None, "shop/orders/8", None),
        *("shop/orders/7", "shop/orders/7/confirmed"),
    ]


def test_json_lines_with_lines_inside_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "orders.jsonl").write_text(
        '{"id": 1, "who": {"id": "c1"}, "at": "2024-05-01T12:00:00+02:00", "items": '
        '[{"sku": "tea", "n": 2.0, "price": 8.90}, {"sku": "pot", "n": 1, "price": 45}]}\n\n'
        '{"id": 2, "who": null, "at": "2024-05-01T12:00:00", "items": [{"sku": "tea", "n": 1, "price": 9}]}\n'
    )
    (tmp_path / "m.toml").write_text(
        'name = "j"\n[orders]\norder_id = "id"\ncustomer_id = "who.id"\noccurred_at = "at"\n'
        '[lines]\neach = "items"\norder_id = "id"\nproduct_id = "items.sku"\nquantity = "items.n"\n'
        'unit_price = "items.price"\n'
    )
    found = mapping.read(tmp_path / "m.toml")
    history = History(found, tables.read(found, [tmp_path / "orders.jsonl"]))
    assert history.refusals == []
    assert [request.body for request in history.stages[1]] == [
        {
            "customer_id": "c1",
            "occurred_at": "2024-05-01T10:00:00.000Z",
            "items": [
                {"product_id": "tea", "quantity": 2, "unit_price": 890},
                {"product_id": "pot", "quantity": 1, "unit_price": 4500},
            ],
        },
        {
            "occurred_at": "2024-05-01T12:00:00.000Z",
            "items": [{"product_id": "tea", "quantity": 1, "unit_price": 900}],
        },
    ]


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("customers.csv", ";Ada;", ";;", ["customers.csv, line 2: name (First, Last): required"]),
        ("customers.csv", "c1;", ";", ["customers.csv, line 2: customer_id (Number): required"]),
        (
            *("customers.csv", "ada@shop.example", "ada"),
            ["customers.csv, line 2: email (Mail): string should match pattern"],
        ),
        (
            *("products.csv", ";8,90;", ";8,905;"),
            ["products.csv, line 2: unit_price (Price): '8,905' has more than 2 decimals"],
        ),
        (
            "products.csv",
            ";8,90;",
            ";dear;",
            ["products.csv, line 2: unit_price (Price): 'dear' is no number"],
        ),
        (
            *("products.csv", ";yes", ";perhaps"),
            ["products.csv, line 3: discontinued (Gone): 'perhaps' is neither true nor false"],
        ),
        (
            "sales.csv",
            "tea;2;",
            "tea;2,5;",
            ["sales.csv, line 2: quantity (Pieces): '2,5' is no whole number"],
        ),
        (
            *("sales.csv", "tea;2;", "tea;0;"),
            ["sales.csv, line 2: quantity (Pieces): input should be greater than or equal to 1"],
        ),
        (
            *("sales.csv", "pot;1;", "cup;1;"),
            ["sales.csv, line 3: product_id (Article): there is no product cup"],
        ),
        (
            *("sales.csv", "7;c1;01", "7;c3;01"),
            ["sales.csv, line 2: customer_id (Customer): there is no customer c3"],
        ),
        (
            *("sales.csv", "0,80", "18,00"),
            ["sales.csv, line 2: discount (Off): is 1800, the line without it 1780"],
        ),
        (
            *("sales.csv", "01.07.2024 12:30", "2024-07-01"),
            ["sales.csv, line 2: occurred_at (Sold): '2024-07-01' is no time like %d.%m.%Y %H:%M"],
        ),
        (
            *("sales.csv", "01.07.2024 12:30", "01.07.9999 12:30"),
            ["sales.csv, line 2: occurred_at (Sold): is after now"],
        ),
        (
            "states.csv",
            "7;bezahlt",
            "6;bezahlt",
            ["states.csv, line 4: order_id (Sale): there is no order 6"],
        ),
        (
            *("states.csv", "8;storniert", "8;versandt"),
            ["states.csv, line 5: An order that is pending cannot become shipped."],
        ),
        (
            *("states.csv", "8;storniert", "8;verloren"),
            ["states.csv, line 5: status (State): input should be 'pending', 'confirmed'"],
        ),
        (
            *("states.csv", "31.01.2024 09:05", "30.01.2024 09:05"),
            ["states.csv, line 5: occurred_at (When): is before the last entry of the order"],
        ),
    ],
)
def test_a_row_that_would_be_refused_is_named(
    files: ShopFiles, name: str, old: str, new: str, said: list[str]
) -> None:
    """What else is refused follows from it, and is said too."""
    files.spoil(name, old, new)
    found = refusals(files)
    assert [text for text in found if text.startswith(said[0])], found
    follows = (
        "its order was refused",
        "there is no customer c1",
        "no product tea",
        "no product pot",
        "cannot become shipped.",
    )
    assert [text for text in found if not text.startswith(said[0]) and not text.endswith(follows)] == []


def test_no_part_of_an_order_is_sent(files: ShopFiles) -> None:
    files.spoil("sales.csv", "pot;1;", "pot;x;")
    assert refusals(files) == [
        "sales.csv, line 3: quantity (Pieces): 'x' is no number",
        "states.csv, line 2: order_id (Sale): its order was refused",
        "states.csv, line 4: order_id (Sale): its order was refused",
    ]


def test_a_line_without_an_order_and_an_order_without_lines_are_refused(files: ShopFiles) -> None:
    text = files.mapping.read_text().replace('[lines]\nfile = "sales"', '[lines]\nfile = "lines"')
    files.mapping.write_text(text)
    (files.folder / "lines.csv").write_text(
        "Sale;Article;Pieces;Price;Off\n7;tea;1;8,90;\n9;tea;1;8,90;\n;tea;1;8,90;\n"
    )
    files.paths.append(files.folder / "lines.csv")
    assert refusals(files) == [
        "lines.csv, line 3: order_id (Sale): there is no order 9",
        "lines.csv, line 4: order_id (Sale): required",
        "sales.csv, line 4: items: the order has no lines",
        "states.csv, line 5: order_id (Sale): its order was refused",
    ]


def test_the_first_row_of_an_id_counts(files: ShopFiles) -> None:
    files.spoil("products.csv", "pot;", "tea;Green tea;9,90;\npot;")
    found = mapping.read(files.mapping)
    history = History(found, tables.read(found, files.paths))
    assert history.repeats == {"products": 1}
    assert [r.body["name"] for r in history.stages[0] if r.path == "/products"] == ["Tea, loose", "Teapot"]


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("customers.csv", "Number;", "No;", "customers wants the column Number, which is not there"),
        ("customers.csv", "c1;Ada", "c1;Ada;B", "customers.csv, line 2: 5 cells for 4 columns"),
        ("customers.csv", "c2;Émilie;du Châtelet;", "c2", "customers.csv, line 3: 1 cells for 4 columns"),
        ("states.csv", "7;bezahlt", '7;"bezahlt', "states.csv, line 4: not CSV"),
        ("products.csv", "Name;Price", "Name;Name", "line 1: the column Name is there twice"),
        ("shop.toml", 'file = "states"', 'file = "status"', "status_changes.0 is from status, and the files"),
        ("shop.toml", 'file = "states"', "", "status_changes.0 names no file, and the files are"),
        ("shop.toml", 'name = "shop"', "", "name: required"),
        ("shop.toml", 'name = "shop"', 'nmae = "shop"', "nmae: unknown field"),
        ("shop.toml", "Europe/Berlin", "Europe/Bonn", "time_zone: there is no time zone 'Europe/Bonn'"),
        ("shop.toml", 'currency = "EUR"', "", "products need a currency"),
        ("shop.toml", 'discount = "Off"', 'discount = "Off"\ndiscount_rate = "Off"', "goes with neither"),
        ("shop.toml", 'country = { text = "DE" }', "country = {}", "needs a column or a text"),
        ("shop.toml", 'name = "shop"', "name = shop", "not TOML"),
    ],
)
def test_files_that_do_not_fit_end_it_before_anything_is_sent(
    files: ShopFiles, name: str, old: str, new: str, said: str
) -> None:
    files.spoil(name, old, new)
    with pytest.raises(BadInputError) as raised:
        Import(files.paths, files.mapping, Terminal(quiet=True))
    assert said in str(raised.value)


def test_a_missing_an_empty_and_a_wrongly_encoded_file_are_named(files: ShopFiles) -> None:
    path = files.folder / "customers.csv"
    path.write_bytes(path.read_bytes().replace("É".encode(), b"\xc9"))
    with pytest.raises(BadInputError, match=r"customers\.csv, line 3: not utf-8"):
        Import(files.paths, files.mapping, Terminal(quiet=True))
    path.write_text("")
    with pytest.raises(BadInputError, match=r"customers\.csv, line 1: there is no header"):
        Import(files.paths, files.mapping, Terminal(quiet=True))
    path.unlink()
    with pytest.raises(BadInputError, match=r"customers\.csv: cannot be read: No such file"):
        Import(files.paths, files.mapping, Terminal(quiet=True))


def test_a_file_that_the_mapping_says_nothing_of_is_named(files: ShopFiles) -> None:
    path = files.folder / "suppliers.csv"
    path.write_text("a;b\n")
    with pytest.raises(BadInputError, match="the mapping says nothing of suppliers"):
        Import([*files.paths, path], files.mapping, Terminal(quiet=True))
