"""The base of every message: immutable, and strict about what it does not know."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """Immutable data with named, validated fields; an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="utf8")

    schema_version: ClassVar[int] = 1
    """Raised when a change to the fields would make a stored message unreadable."""
