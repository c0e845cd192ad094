"""Converts a row's texts to a request's values: money, whole numbers, rates, yes and no, times.

Each conversion raises ``ValueError`` with words for the person who imports. None guesses: an amount
with more decimals than the currency has is refused, unless the mapping says ``round``.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from api.importing.mapping import IN_BRACES, ImportMapping, Source
from api.importing.rows import Row

MONEY = {"unit_price", "discount", "line_total"}

_NUMBER = re.compile(r"[+-]?([0-9]+|[0-9]{1,3}(,[0-9]{3})+)(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?")
_YES = {"true", "1", "yes", "y", "t"}
_NO = {"false", "0", "no", "n", "f"}
_SWAPPED = str.maketrans(".,", ",.")


class Conversions:
    """The conversions of one import's values, as its mapping says."""

    def __init__(self, mapping: ImportMapping) -> None:
        self._mapping = mapping
        self._nothing = {"", *mapping.nothing}

    def value(self, name: str, source: Source, row: Row) -> Any:
        """Return a row's value for a field by dotted path; ``None`` if the row says nothing."""
        text = self.text(source, row)
        if text is None:
            return None
        if name in MONEY:
            return self.money(source, text)
        if name == "occurred_at":
            return self.moment(source, text)
        plain: Mapping[str, Callable[[str], Any]] = {
            "quantity": self.whole,
            "discount_rate": self.rate,
            "discontinued": flag,
        }
        return plain.get(name, str)(text)

    def text(self, source: Source, row: Row) -> str | None:
        """Return a row's text for a field; the field's default if the row says nothing."""
        if source.column is not None:
            found = self.cell(row, source.column)
        else:
            cells = {column: self.cell(row, column) for column in source.columns}
            missing = None in cells.values()
            found = None if missing else IN_BRACES.sub(lambda m: cells[m[1]] or "", source.text or "")
        if found is None:
            return source.default
        return source.map.get(found, found)

    def cell(self, row: Row, column: str) -> str | None:
        """Return what a cell says; ``None`` if it says nothing."""
        value = row.cells.get(column)
        if isinstance(value, list):
            raise ValueError("is a list: name it in each")  # noqa: TRY004 - reported like any wrong value
        text = None if value is None else str(value).strip()
        return None if text in self._nothing else text

    def money(self, source: Source, text: str) -> int:
        """Return minor units: ``14.00`` is 1400 where there are two decimals."""
        decimals = self._mapping.decimals if source.decimals is None else source.decimals
        minor = self.number(text).scaleb(decimals)
        if source.round:
            minor = half_up(minor)
        if minor != minor.to_integral_value():
            raise ValueError(f"{text!r} has more than {decimals} decimals")
        return int(minor)

    def whole(self, text: str) -> int:
        """Return a whole number, also from ``2.0``."""
        number = self.number(text)
        if number != number.to_integral_value():
            raise ValueError(f"{text!r} is no whole number")
        return int(number)

    def rate(self, text: str) -> Decimal:
        """Return a rate from 0 to 1, from a text such as ``0.15`` or ``15%``."""
        percent = text.endswith("%")
        number = self.number(text.removesuffix("%").strip())
        rate = number.scaleb(-2) if percent else number
        if not 0 <= rate <= 1:
            raise ValueError(f"{text!r} is no rate from 0 to 1, or from 0% to 100%")
        return rate

    def number(self, text: str) -> Decimal:
        """Return a number, also from a text with marks between its thousands."""
        plain = text.translate(_SWAPPED) if self._mapping.decimal_mark == "," else text
        if not _NUMBER.fullmatch(plain):
            raise ValueError(f"{text!r} is no number")
        return Decimal(plain.replace(",", ""))

    def moment(self, source: Source, text: str) -> str:
        """Return a time in RFC 3339, in UTC; without an offset it is in the mapping's time zone."""
        layout = source.format or self._mapping.time_format
        try:
            moment = datetime.strptime(text, layout) if layout else datetime.fromisoformat(text)  # noqa: DTZ007
        except ValueError:
            raise ValueError(f"{text!r} is no time like {layout or '2024-05-01T12:00:00'}") from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(source.zone or self._mapping.time_zone))
        try:
            utc = moment.astimezone(UTC)
        except OverflowError:
            raise ValueError(f"{text!r} is outside the years 1 to 9999") from None
        return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def flag(text: str) -> bool:
    """Return True for a text that means yes, False for one that means no."""
    if text.lower() in _YES:
        return True
    if text.lower() in _NO:
        return False
    raise ValueError(f"{text!r} is neither true nor false")


def half_up(amount: Decimal) -> Decimal:
    """Round to whole minor units; a half goes away from zero, as on a bill."""
    return amount.to_integral_value(ROUND_HALF_UP)


def line_price(
    quantity: int, unit_price: int | None, total: int | None, rate: Decimal | None
) -> tuple[int | None, int]:
    """Return a line's unit price and discount, in minor units, from the values that a row has.

    With ``total`` the line comes to exactly that. If there is no ``unit_price``, it is worked out
    from the total without its discount, rounded up. So the discount is never negative; it takes up
    the rounding.
    """
    if total is None:
        if unit_price is None or not rate:
            return unit_price, 0
        return unit_price, int(half_up(unit_price * quantity * rate))
    if quantity < 1:
        raise ValueError(f"cannot be worked out for a quantity of {quantity}")
    if unit_price is None:
        part = 1 - (rate or Decimal(0))
        full = Decimal(total) / part if part else Decimal(total)
        unit_price = int((full / quantity).to_integral_value(ROUND_CEILING))
    return unit_price, unit_price * quantity - total
