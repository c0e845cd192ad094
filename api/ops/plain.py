"""Turns what the databases and queues hold into JSON; a value that JSON cannot hold becomes text.

The payload of a dead letter may hold anything. Even JSON's own numbers and strings may be such that
JSON's writers refuse them, or nested so deeply that the writers give up.
"""

from datetime import datetime
from typing import Any

from bson import Timestamp

DEEPEST = 100
LARGEST = 2**63


def plain(value: Any, depth: int = 0) -> Any:
    """Return the same value, made of types that ``api.http.answers.to_json`` takes."""
    if isinstance(value, dict | list | tuple) and depth > DEEPEST:
        return "…"
    if isinstance(value, dict):
        return {_leaf(str(key)): plain(part, depth + 1) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part, depth + 1) for part in value]
    return _leaf(value)


def _leaf(value: Any) -> Any:
    match value:
        case None | bool() | float() | datetime():
            return value
        case str():  # JSON may have lone surrogates in it
            return str(value).encode(errors="backslashreplace").decode()
        case bytes():
            return value.decode(errors="backslashreplace")
        case Timestamp():
            return value.as_datetime()
        case int() if abs(value) < LARGEST:
            return value
        case _:
            return str(value)
