"""Turns a row into the fields of a request, with a reason for each field that is missing or wrong.

It finds what the API would answer with a 422, by the shapes that the API itself reads bodies with.
Such a request is not sent.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from api.http.bodies import Body
from api.http.problems import field_errors
from api.importing.conversions import Conversions, line_price
from api.importing.mapping import Section
from api.importing.rows import Row

REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class RowRefusal:
    """The refusal of one row; ``field`` is empty if no single field is wrong."""

    file: str
    line: int
    field: str
    column: str
    """The columns from which the mapping takes the field."""
    reason: str

    def __str__(self) -> str:
        named = f"{self.field} ({self.column})" if self.column else self.field
        return ": ".join(part for part in (f"{self.file}, line {self.line}", named, self.reason) if part)


@dataclass(frozen=True, slots=True)
class Origin:
    """The row that a request is made of, and for an order the rows of its lines."""

    section: Section
    row: Row
    lines_section: Section | None = None
    lines: tuple[Row, ...] = ()

    def refusal(self, path: str, reason: str) -> RowRefusal:
        """Return the refusal for a field of the body, by its dotted path."""
        section, row, name = self.section, self.row, path
        words = path.split(".")
        if words[0] == "items" and len(words) > 1 and self.lines_section and int(words[1]) < len(self.lines):
            section, row, name = self.lines_section, self.lines[int(words[1])], ".".join(words[2:])
        source = dict(section.sources).get(name)
        return RowRefusal(row.file, row.line, name, str(source or ""), reason)


@dataclass(slots=True)
class Draft:
    """The fields that a row has, by their dotted paths, and what is wrong with the others."""

    fields: dict[str, Any] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)

    def require(self, name: str) -> str | None:
        """Return a field that must be there; note if it is not."""
        if name not in self.fields:
            self.wrong.setdefault(name, REQUIRED)
        found = self.fields.get(name)
        return None if found is None else str(found)

    def price(self) -> tuple[int | None, int]:
        """Return a line's unit price and discount; note what cannot be worked out."""
        known = self.fields
        quantity, total = known.get("quantity", 0), known.get("line_total")
        try:
            unit_price, discount = line_price(
                quantity, known.get("unit_price"), total, known.get("discount_rate")
            )
        except ValueError as error:
            self.wrong["line_total"] = str(error)
            return None, 0
        return unit_price, known.get("discount", discount)

    def price_of_one(self) -> None:
        """Replace the fields of a line sold by the unit price that is worked out from them."""
        unit_price, _ = self.price()
        self.leave_out(("line_total", "quantity", "discount_rate"))
        if unit_price is not None:
            self.fields["unit_price"] = unit_price

    def leave_out(self, names: Iterable[str]) -> None:
        """Forget fields that are not asked for."""
        for name in names:
            self.fields.pop(name, None)

    def check(self, shape: type[Body], body: Mapping[str, Any]) -> None:
        """Note what the API would not take; a field that could not be read keeps its reason."""
        try:
            shape.model_validate(body)
        except ValidationError as error:
            for found in field_errors(error):
                self.wrong.setdefault(found.field, found.message)


class Drafts:
    """Reads rows by the sections of one mapping."""

    def __init__(self, conversions: Conversions) -> None:
        self._read = conversions

    def of(self, section: Section, row: Row) -> Draft:
        """Return what the row says, field by field, without the fields of which it says nothing."""
        draft = Draft()
        for name, source in section.sources:
            try:
                value = self._read.value(name, source, row)
            except ValueError as error:
                draft.wrong[name] = str(error)
            else:
                if value is not None:
                    draft.fields[name] = value
        return draft
