"""Northwind's four CSV files as rows of checked values.

The files are UTF-8 with ``NULL`` for nothing, and not everything with a comma in it is quoted: 200 street
addresses ("Rua do Paço, 67") have more cells than columns. All of them are in the one column that holds an
address, so the surplus belongs there; in a file without such a column it is an error.
"""

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from api.replay.errors import BadInputError
from bus.messages.values import MAX_UNIT_PRICE, AddressLine, Id, Name

NOTHING = ("NULL", "")
_AMOUNT = re.compile(r"[0-9]+(\.[0-9]+)?")
_WHOLE = re.compile(r"[0-9]+")


def _minor_units(text: object) -> int:
    """``14.00`` is 1400; exact, and an error where it would have to be rounded."""
    if not (isinstance(text, str) and _AMOUNT.fullmatch(text)):
        raise ValueError("must be an amount like 14.00")
    cents = Decimal(text).scaleb(2)
    if cents != cents.to_integral_value():
        raise ValueError("must be whole cents")
    return int(cents)


def _utc(text: object) -> datetime:
    """``1996-07-04 00:00:00.000``, taken as UTC unless it says otherwise."""
    if not isinstance(text, str):
        raise ValueError("must be a date")  # noqa: TRY004 - pydantic reports ValueError only
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _whole(text: object) -> int:
    if not (isinstance(text, str) and _WHOLE.fullmatch(text)):
        raise ValueError("must be a whole number")
    return int(text)


Cents = Annotated[int, BeforeValidator(_minor_units), Field(le=MAX_UNIT_PRICE)]
Date = Annotated[datetime, BeforeValidator(_utc)]
Whole = Annotated[int, BeforeValidator(_whole)]


class Row(BaseModel):
    """One row; ``where`` is its file and line, for errors."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    where: str


AnyRow = TypeVar("AnyRow", bound=Row)


class CustomerRow(Row):
    customer_id: Annotated[Id, Field(alias="CustomerID")]
    name: Annotated[Name, Field(alias="CompanyName")]


class ProductRow(Row):
    product_id: Annotated[Id, Field(alias="ProductID")]
    name: Annotated[Name, Field(alias="ProductName")]
    list_price: Annotated[Cents, Field(alias="UnitPrice")]
    discontinued: Annotated[bool, Field(alias="Discontinued")]


class OrderRow(Row):
    number: Annotated[Whole, Field(alias="OrderID")]
    customer_id: Annotated[Id, Field(alias="CustomerID")]
    ordered_at: Annotated[Date, Field(alias="OrderDate")]
    shipped_at: Annotated[Date | None, Field(alias="ShippedDate")]
    street: Annotated[AddressLine, Field(alias="ShipAddress")]
    city: Annotated[AddressLine, Field(alias="ShipCity")]
    region: Annotated[AddressLine | None, Field(alias="ShipRegion")]
    postal_code: Annotated[AddressLine | None, Field(alias="ShipPostalCode")]
    country: Annotated[AddressLine, Field(alias="ShipCountry")]


class LineRow(Row):
    number: Annotated[Whole, Field(alias="OrderID")]
    product_id: Annotated[Id, Field(alias="ProductID")]
    unit_price: Annotated[Cents, Field(alias="UnitPrice")]
    quantity: Annotated[Whole, Field(alias="Quantity", ge=1, le=10_000)]


def read(path: Path, kind: type[AnyRow], address: str | None = None) -> list[AnyRow]:
    """The rows of a file; ``address`` is the column whose commas may be unquoted.

    Raises:
        BadInputError: naming the file, the line and what is wrong.

    """
    rows = []
    for line, cells in _cells(path, kind, address):
        where = f"{path}, line {line}"
        values = {column: None if cell.strip() in NOTHING else cell for column, cell in cells.items()}
        try:
            rows.append(kind.model_validate({**values, "where": where}))
        except ValidationError as error:
            raise BadInputError(f"{where}: {_told(error, cells)}") from None
    return rows


def _cells(path: Path, kind: type[Row], address: str | None) -> Iterator[tuple[int, dict[str, str]]]:
    """The lines after the header, by column."""
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    columns: list[str] = []
    try:
        for cells in reader:
            where = f"{path}, line {reader.line_num}"
            if not columns:
                columns = cells
                _check_columns(columns, kind, where)
            elif cells:
                yield (
                    reader.line_num,
                    dict(zip(columns, _fitted(cells, columns, address, where), strict=True)),
                )
    except csv.Error as error:
        raise BadInputError(f"{path}, line {reader.line_num}: not CSV: {error}") from None
    if not columns:
        raise BadInputError(f"{path}, line 1: there is no header")


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadInputError(f"{path}, line {line}: not UTF-8") from None


def _check_columns(columns: list[str], kind: type[Row], where: str) -> None:
    wanted = [field.alias for field in kind.model_fields.values() if field.alias is not None]
    if missing := [column for column in wanted if column not in columns]:
        raise BadInputError(f"{where}: there is no column {', '.join(missing)}")


def _fitted(cells: list[str], columns: list[str], address: str | None, where: str) -> list[str]:
    """As many cells as columns, the surplus put back into the address it was cut from."""
    surplus = len(cells) - len(columns)
    if surplus > 0 and address in columns:
        start = columns.index(address)
        whole = ",".join(cells[start : start + surplus + 1])
        return [*cells[:start], whole, *cells[start + surplus + 1 :]]
    if surplus:
        raise BadInputError(f"{where}: {len(cells)} cells for {len(columns)} columns")
    return cells


def _told(error: ValidationError, cells: dict[str, Any]) -> str:
    """The first thing that is wrong with a row."""
    first = error.errors(include_url=False)[0]
    column = str(first["loc"][0])
    return f"{column} {cells.get(column)!r}: {first['msg'].removeprefix('Value error, ')}"
