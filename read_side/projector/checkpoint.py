"""A checkpoint as it was found, with the holder of its lease."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint as it was found; times are mongod's."""

    name: str
    generation: int
    partition: int
    position: int
    epoch: int
    holder: str | None
    """The process that holds the lease."""
    touched_at: datetime | None
    """The time when the lease was last taken or renewed with others, or the checkpoint moved."""
    error: str | None
    """The error that ended a run, unless the checkpoint has moved since."""
    error_at: datetime | None
    asked_by: str | None = None
    """The process that has asked for the lease lately."""
    expires_at: datetime | None = None
    """The time when the lease ends, or ended."""

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any]) -> Self:
        error = stored.get("error", {})
        stands = error.get("position") == stored["position"]
        return cls(
            name=stored["name"],
            generation=stored["generation"],
            partition=stored["partition"],
            position=stored["position"],
            epoch=stored["epoch"],
            holder=stored.get("owner") if stored["held"] else None,
            touched_at=stored.get("touched_at"),
            error=error["message"] if stands else None,
            error_at=error["at"] if stands else None,
            asked_by=stored.get("asked_by") if stored["asked"] else None,
            expires_at=stored.get("expires_at"),
        )
