"""JSON as RFC 8259 means it and I-JSON (RFC 7493) narrows it, since commands are kept for ever.

The standard library's parser is used because it shows duplicate names, which orjson silently drops;
an ordinary body takes it microseconds. orjson then writes the canonical text, and in doing so
refuses lone surrogates and numbers beyond 64 bits.

JSON has one kind of number: ``2``, ``2.0`` and ``2e0`` are the same whole number, also in the
canonical text.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import orjson

MAX_INT_DIGITS = 20
"""Enough for 64 bits; orjson does the exact check."""
MAX_EXACT = 2**53
"""Below this a double that is whole is one integer (RFC 7493, 2.2). No field goes that far."""


@dataclass(frozen=True, slots=True)
class JsonObject:
    """The members and the canonical text, equal for bodies that differ in spaces and order only."""

    members: dict[str, Any]
    canonical: bytes


def parse_object(text: bytes) -> JsonObject:
    """Return one well-formed JSON object; raises ``ValueError``, saying why, for any other text."""
    try:
        parsed = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_int=_integer,
            parse_float=_number,
        )
        canonical = orjson.dumps(parsed, option=orjson.OPT_SORT_KEYS)
    except UnicodeDecodeError:
        raise ValueError("the text is not UTF-8") from None
    except RecursionError:
        raise ValueError("the nesting is too deep") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except orjson.JSONEncodeError as error:  # what was parsed cannot be written again
        raise ValueError(str(error)) from None
    if not isinstance(parsed, dict):
        raise ValueError("the text is not an object")  # noqa: TRY004 - it is the text that is wrong
    return JsonObject(parsed, canonical)


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _integer(digits: str) -> int:
    if len(digits) > MAX_INT_DIGITS:
        raise ValueError("a number is beyond 64 bits")
    return int(digits)


def _number(digits: str) -> float:
    """Return a number with a fraction or an exponent; as an ``int`` if it is whole."""
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number is beyond 64 bits")
    return int(number) if number.is_integer() and abs(number) < MAX_EXACT else number
