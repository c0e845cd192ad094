"""The values that messages are made of, with the limits of the HTTP contract.

Money is an integer in minor units (cents) with an ISO 4217 code beside it. Times are UTC, cut to
milliseconds, which is what BSON keeps.
"""

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints

from bus.messages.message import Message

MAX_UNIT_PRICE = 10**9
MAX_QUANTITY = 1_000_000
MAX_ITEMS = 200
MAX_TOTAL = 10**12

_NO_CONTROLS = r"^[^\x00-\x1f\x7f]*$"
_NO_NUL = r"^[^\x00]*$"

_LINE_BREAKS = r"\t\n\r"
_CONTROLS = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"
"""C0 and C1 without line breaks; separators of lines; what overrides the direction of writing."""
_ZERO_WIDTH = (
    r"\u00ad\u034f\u061c\u115f\u1160\u180b-\u180f\u200b-\u200f\u2060-\u2065\u3164\ufe00-\ufe0f\ufeff\uffa0"
)
READABLE = f"^[{_ZERO_WIDTH}]*[^{_CONTROLS}{_LINE_BREAKS}{_ZERO_WIDTH}][^{_CONTROLS}{_LINE_BREAKS}]*$"
"""One line that shows something, and controls neither a terminal nor the direction of writing."""

_DOMAIN = r"@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+"

MAX_ID_LENGTH = 128
ID_TEXT = r"(\.{0,2}[A-Za-z0-9_:|@+-]|\.{3})[A-Za-z0-9._:|@+-]*"
"""An id, as identity providers give them (``auth0|5f7c``, an e-mail address), not ``.`` or ``..``.

In an address these two mean another place (RFC 3986, section 5.2.4), so clients never send them. A
lookahead, the usual way to leave them out, does not exist in the regular expressions that pydantic
checks with. So the beginning of the pattern says it: at most two dots and something else, or three
dots.
"""

Id = Annotated[str, StringConstraints(max_length=MAX_ID_LENGTH, pattern=f"^{ID_TEXT}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_NO_CONTROLS)]
AddressLine = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_NO_CONTROLS)]
Reference = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=_NO_CONTROLS)]
Note = Annotated[str, StringConstraints(max_length=500, pattern=_NO_NUL)]
Email = Annotated[
    str,
    StringConstraints(max_length=254, pattern=rf"^[^@\s\x00-\x1f\x7f]{{1,64}}{_DOMAIN}$"),
]
NewName = Annotated[Name, Field(pattern=READABLE)]
"""A name as callers may write it.

Stored names are read as a ``Name``, since earlier versions let more in. The texts below work the
same way.
"""
NewAddressLine = Annotated[AddressLine, Field(pattern=READABLE)]
NewReference = Annotated[Reference, Field(pattern=READABLE)]
NewNote = Annotated[Note, Field(pattern=f"^[^{_CONTROLS}]*$")]
NewEmail = Annotated[Email, Field(pattern=rf"^[^@\s{_CONTROLS}{_ZERO_WIDTH}]{{1,64}}{_DOMAIN}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
UnitPrice = Annotated[int, Field(ge=0, le=MAX_UNIT_PRICE, strict=True)]
Quantity = Annotated[int, Field(ge=1, le=MAX_QUANTITY, strict=True)]
Discount = Annotated[int, Field(ge=0, le=MAX_UNIT_PRICE * MAX_QUANTITY, strict=True)]
"""The amount taken off a line, in minor units; the line's total must not fall below 0."""
Flag = Annotated[bool, Field(strict=True)]

_ID = re.compile(ID_TEXT)


def is_id(text: str) -> bool:
    """Return True if the text can be an ``Id``, for ids that do not come in a message."""
    return len(text) <= MAX_ID_LENGTH and _ID.fullmatch(text) is not None


def to_milliseconds(moment: datetime) -> datetime:
    """Convert to UTC and cut to whole milliseconds, as BSON stores it."""
    try:
        utc = moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("the time is outside the years 1 to 9999 in UTC") from None
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


_RFC_3339 = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)[Tt ](?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)(?:\.\d+)?"
    r"(?P<offset>[Zz]|(?P<sign>[+-])(?P<hours>\d\d):(?P<minutes>\d\d))",
    flags=re.ASCII,
)
_LEAP_SECOND = "60"
_DAY_IN_MINUTES = 24 * 60


def _rfc_3339(value: object) -> object:
    """Refuse anything but RFC 3339 text or a ``datetime``, and make a leap second readable.

    pydantic would take a number, even inside a string, for seconds since 1970.

    A leap second is 23:59:60 in UTC, whatever the offset (section 5.7). It is taken as the last
    millisecond before it: Python, BSON and JavaScript have no name for it. So it stays in its day,
    and no earlier time comes after it. The months that have a leap second are announced half a year
    ahead, so here every day may have one.
    """
    written = _RFC_3339.fullmatch(value) if isinstance(value, str) else None
    if written is None and not isinstance(value, datetime):
        raise ValueError("must be an RFC 3339 date and time with an offset")
    if written is None or written["second"] != _LEAP_SECOND:
        return value
    if (_minute_of_the_day(written) + 1) % _DAY_IN_MINUTES:
        raise ValueError("a leap second is the last one of a day in UTC")
    return f"{written['day']}T{written['hour']}:{written['minute']}:59.999{written['offset']}"


def _minute_of_the_day(written: re.Match[str]) -> int:
    """Return the minute in UTC; below 0 or from 1440 on, it is one of the day before or after."""
    minute = int(written["hour"]) * 60 + int(written["minute"])
    if written["sign"] is None:
        return minute
    offset = int(written["hours"]) * 60 + int(written["minutes"])
    return minute - offset if written["sign"] == "+" else minute + offset


Moment = Annotated[AwareDatetime, BeforeValidator(_rfc_3339), AfterValidator(to_milliseconds)]


class OrderStatus(StrEnum):
    """The status of an order.

    It goes from pending to confirmed, shipped and delivered, or to cancelled before shipping.
    """

    PENDING = "pending"
    CONFIRMED = "confirmed"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


class Address(Message):
    """The address that an order is sent to."""

    line1: AddressLine
    line2: AddressLine | None = None
    city: AddressLine
    region: AddressLine | None = None
    postal_code: AddressLine | None = None
    country: AddressLine


class Item(Message):
    """A product that is ordered, and how many of it.

    If no ``unit_price`` is given, the catalogue's price is used. ``unit_price`` and ``discount``
    are in minor units. ``discount`` is taken off the whole line.
    """

    product_id: Id
    quantity: Quantity
    unit_price: UnitPrice | None = None
    discount: Discount | None = None


class Line(Message):
    """A product that was sold, with amounts in minor units.

    ``product_name`` and ``list_price`` are the catalogue's at that moment. ``unit_price`` is the
    price that was asked for one piece. ``line_total`` is ``unit_price`` times ``quantity`` minus
    ``discount``.
    """

    product_id: Id
    product_name: Name
    quantity: Quantity
    list_price: UnitPrice
    unit_price: UnitPrice
    discount: Discount
    line_total: int


class LineAmount(Message):
    """A line as later events repeat it; ``amount`` is in minor units.

    It is enough for a report to take the line out of its counts again.
    """

    product_id: Id
    quantity: Quantity
    amount: int
