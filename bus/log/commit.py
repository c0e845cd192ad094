"""One entry of the log, and its events as a fold sees them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Self

from bus.messages.registry import AnyEvent, from_stored


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event with its place in history.

    ``version`` is the aggregate's version after the commit; ``partition`` and ``seq`` are the
    position in the log; ``at`` is the time when the command was accepted.
    """

    event: AnyEvent
    stream: str
    version: int
    partition: int
    seq: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A commit that is to be appended and has no position yet."""

    partition: int
    command_id: str | None = None
    type: str | None = None
    """The type of the command."""
    request: str | None = None
    """The digest of the request that brought the command, if that had an ``Idempotency-Key``."""
    correlation_id: str | None = None
    at: datetime | None = None
    """The time when the command was accepted."""
    decided_at: datetime | None = None
    by: str | None = None
    stream: str | None = None
    version: int | None = None
    events: tuple[Mapping[str, Any], ...] = ()
    state: Mapping[str, Any] | None = None
    state_v: int | None = None
    """The ``schema_version`` of the state; 1 is not stored."""
    outcome: Mapping[str, Any] | None = None
    traceparent: str | None = None
    """The recorded trace of the command (W3C Trace Context); mostly there is none."""

    def at_position(self, seq: int) -> "Commit":
        return Commit(seq=seq, **{name: getattr(self, name) for name in _DECIDED})


_DECIDED = tuple(one.name for one in fields(Decision))


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit(Decision):
    """A decision in the log: a commit of a stream, a refusal (no ``stream``) or a tombstone.

    A tombstone has neither a ``stream`` nor an outcome.

    ``events`` are as stored, ``{type, v, data}``. A reader validates them only when it folds them,
    so an event that this build cannot read harms no other reader.
    """

    seq: int
    _recorded: list[tuple[RecordedEvent, ...]] = field(
        default_factory=list, init=False, repr=False, compare=False
    )

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any]) -> Self:
        known = {name: stored[name] for name in _STORED if name in stored}
        known["events"] = tuple(known.get("events", ()))
        return cls(**known)

    def to_stored(self) -> dict[str, Any]:
        """Return the commit as the log keeps it.

        A value that is not there has no field, because the partial indexes test whether a field
        exists.
        """
        stored = {name: getattr(self, name) for name in _STORED}
        return {name: value for name, value in stored.items() if value is not None and value != ()}

    def recorded(self) -> tuple[RecordedEvent, ...]:
        """Return the events, read once for all folds; empty for a refusal or a tombstone.

        Raises:
            UnknownMessageError, pydantic.ValidationError: this build cannot read an event.

        """
        if not self._recorded:
            self._recorded.append(tuple(self._read()))
        return self._recorded[0]

    def _read(self) -> Iterator[RecordedEvent]:
        if self.stream is None or self.version is None or self.at is None:
            return
        for stored in self.events:
            event = from_stored(stored)
            yield RecordedEvent(event, self.stream, self.version, self.partition, self.seq, self.at)


_STORED = ("partition", "seq", *_DECIDED[1:])
