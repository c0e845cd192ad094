"""The mapping: it says which columns of which files hold what a shop's history consists of.

These are customers, products, orders, lines and status changes. The mapping is one TOML file;
docs/importing.md describes it. A field is the name of a column, or a table that says more. Fields
are named as in the bodies of the API's requests.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.functional_validators import AfterValidator

from api.http.problems import field_errors
from api.importing.errors import BadInputError
from bus.messages.values import Currency

MAX_DECIMALS = 6
IN_BRACES = re.compile(r"\{([^{}]+)\}")
"""Matches a column in a text."""


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise ValueError(f"there is no time zone {name!r}") from None
    return name


Zone = Annotated[str, AfterValidator(_zone)]
Decimals = Annotated[int, Field(ge=0, le=MAX_DECIMALS)]


class Part(BaseModel):
    """A piece of the mapping; a word that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(Part):
    """The origin of a field's value, and its conversion."""

    column: str | None = None
    text: str | None = None
    """A text with columns in braces; without any, a constant."""
    default: str | None = None
    """The text for rows that say nothing."""
    map: Mapping[str, str] = {}
    """Other words for what the column says; what is not listed stays."""
    decimals: Decimals | None = None
    round: bool = False
    format: str | None = None
    zone: Zone | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.column is None) == (self.text is None):
            raise ValueError("needs a column or a text, and not both")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read."""
        if self.column is not None:
            return (self.column,)
        return tuple(IN_BRACES.findall(self.text or ""))

    def __str__(self) -> str:
        return ", ".join(self.columns)


def _spelled_out(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


From = Annotated[Source, BeforeValidator(_spelled_out)]
Where = Annotated[bool | tuple[str, ...], BeforeValidator(lambda v: (v,) if isinstance(v, str) else v)]


class Section(Part):
    """The origin of one kind of thing: rows of a file, and a column or more for each field."""

    file: str | None = None
    """A file's name without its ending; not needed where there is one file only."""
    each: str | None = None
    """In JSON lines, the list whose entries are the rows, such as the lines of an order."""
    where: Mapping[str, Where] = {}
    """Takes rows with one of these values in a column; ``true``: any value, ``false``: none."""

    @property
    def sources(self) -> Iterator[tuple[str, Source]]:
        """The fields that are mapped, by their dotted paths."""
        for name in type(self).model_fields:
            match getattr(self, name):
                case Source() as source:
                    yield name, source
                case Part() as part:
                    for inner in type(part).model_fields:
                        if (source := getattr(part, inner)) is not None:
                            yield f"{name}.{inner}", source

    @property
    def columns(self) -> set[str]:
        """Every column that is read."""
        return {*self.where, *(column for _, source in self.sources for column in source.columns)}


class CustomersSection(Section):
    """The first row of an id counts."""

    customer_id: From
    name: From
    email: From | None = None


class ProductsSection(Section):
    """The first row of an id counts."""

    product_id: From
    name: From
    unit_price: From | None = None
    line_total: From | None = None
    """The total of a line sold; it and the quantity (and discount rate) replace a unit price."""
    quantity: From | None = None
    discount_rate: From | None = None
    currency: From | None = None
    discontinued: From | None = None
    """Products are discontinued after all orders are sent, since they were sold before."""

    @model_validator(mode="after")
    def _one_price(self) -> Self:
        if (self.unit_price is None) == (self.line_total is None or self.quantity is None):
            raise ValueError("needs a unit_price, or a line_total and a quantity")
        return self


class ShippingAddressPart(Part):
    """The shipping address; it is left out if a row has none of its columns."""

    line1: From | None = None
    line2: From | None = None
    city: From | None = None
    region: From | None = None
    postal_code: From | None = None
    country: From | None = None


class OrdersSection(Section):
    """The first row of an id counts; its lines are those that ``lines`` finds."""

    order_id: From
    customer_id: From | None = None
    reference: From | None = None
    occurred_at: From | None = None
    shipping_address: ShippingAddressPart | None = None


class Lines(Section):
    """A row is a line of the order that it names."""

    order_id: From
    product_id: From
    quantity: From
    unit_price: From | None = None
    discount: From | None = None
    """The amount off the line."""
    discount_rate: From | None = None
    """``0.15`` or ``15%`` off the line, rounded half up."""
    line_total: From | None = None
    """The amount paid for the line; the rest of the line's price is the discount."""

    @model_validator(mode="after")
    def _one_discount(self) -> Self:
        if self.discount and (self.discount_rate or self.line_total):
            raise ValueError("discount goes with neither discount_rate nor line_total")
        if self.line_total and self.unit_price and self.discount_rate:
            raise ValueError("line_total goes with unit_price or discount_rate, not with both")
        if self.discount_rate and not (self.unit_price or self.line_total):
            raise ValueError("discount_rate needs unit_price or line_total")
        return self


class StatusChanges(Section):
    """A row is a change of the order that it names."""

    order_id: From
    status: From
    occurred_at: From | None = None
    note: From | None = None


class ImportMapping(Part):
    """The whole file. Its first fields hold for every field that does not say otherwise."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    """Begins every ``Idempotency-Key``: under another name the same files are another history."""
    currency: Currency | None = None
    decimals: Decimals = 2
    """The decimals of the currency: with 2, ``14.00`` is 1400; with 0, files are in minor units."""
    decimal_mark: Literal[".", ","] = "."
    time_zone: Zone = "UTC"
    time_format: str | None = None
    """The format of times, for Python's ``strptime``; without it, times are in ISO 8601."""
    nothing: tuple[str, ...] = ()
    """Words that mean nothing is there, as an empty cell does."""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    encoding: str = "utf-8-sig"
    unquoted_commas: Mapping[str, str] = {}
    """The column, by file, whose text may have delimiters although it is not quoted."""
    customers: CustomersSection | None = None
    products: ProductsSection | None = None
    orders: OrdersSection | None = None
    lines: Lines | None = None
    status_changes: tuple[StatusChanges, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.orders is None) != (self.lines is None):
            raise ValueError("orders and lines need each other")
        if self.status_changes and self.orders is None:
            raise ValueError("status_changes need orders")
        if self.products and not (self.currency or self.products.currency):
            raise ValueError("products need a currency: for all, or products.currency")
        if not (self.customers or self.products or self.orders):
            raise ValueError("says nothing of customers, products or orders")
        return self

    @property
    def sections(self) -> Iterator[tuple[str, Section]]:
        """The sections that there are, with their names."""
        named: Sequence[tuple[str, Section | None]] = (
            *(("customers", self.customers), ("products", self.products)),
            *(("orders", self.orders), ("lines", self.lines)),
            *((f"status_changes.{index}", change) for index, change in enumerate(self.status_changes)),
        )
        for name, section in named:
            if section is not None:
                yield name, section


def read(path: Path) -> ImportMapping:
    """Return the mapping in a file.

    Raises:
        BadInputError: the file cannot be read or is wrong; the error says what is wrong with it.

    """
    try:
        found: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise BadInputError(f"{path}: not TOML: {error}") from None
    try:
        return ImportMapping.model_validate(found)
    except ValidationError as error:
        wrong = (f"{e.field}: {e.message}".removeprefix(": ") for e in field_errors(error))
        raise BadInputError(f"{path}: {'; '.join(wrong)}") from None
