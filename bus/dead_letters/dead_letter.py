"""A dead letter: a message that no worker could do anything with.

It holds what is known of the message, and why the message died. The payload is kept as it was: as
text if it is text, else as bytes. The fields in it are read here without trusting them. A field of
the wrong kind, a number that is no time, or a character that MongoDB cannot keep must not stop the
collection of the letters behind it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Self

from dramatiq import Message

from bus.dead_letters.diagnosis import decoded, reason_for

MAX_PAYLOAD = 8 * 1024 * 1024
"""The most bytes kept of a payload, half of what a document may have. A longer one is cut, and
cannot be retried."""
MAX_REASON = 4_000
ID_LENGTH = 16
"""Hexadecimal digits: short enough to be typed, 64 bits of the digest."""


class LetterState(StrEnum):
    """The state of a letter: kept until an operator retries or discards it."""

    KEPT = "kept"
    RETRIED = "retried"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter; ``resolved_by`` names the operator who ended it, ``resolution`` says why."""

    letter_id: str
    queue: str
    redis_id: str
    message_id: str
    """The message's own id (a command's id for a command); the id in Redis if it is unreadable."""
    actor: str | None
    message: str | bytes | None
    """The payload as it was in Redis; ``None`` if Redis had only the id."""
    size: int
    """The size of the payload in bytes; larger than what is kept if the payload was cut."""
    reason: str
    dead_at: datetime
    state: LetterState = LetterState.KEPT
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    resolution: str | None = None

    @classmethod
    def collected(cls, queue: str, redis_id: bytes, died_ms: float, payload: bytes | None) -> Self:
        """Return what lies in Redis under an id; ``died_ms`` is in milliseconds since 1970.

        The letter's id is drawn from all of that. So collecting the same death twice gives one
        letter. If the same message dies once more, in Redis under the same id, it gives another.
        """
        death = b"\0".join([queue.encode(), redis_id, repr(died_ms).encode(), payload or b""])
        message = decoded(payload)
        redis_name = _text(redis_id)
        return cls(
            letter_id=sha256(death).hexdigest()[:ID_LENGTH],
            queue=queue,
            redis_id=redis_name,
            message_id=_named(message.message_id) if message else redis_name,
            actor=_named(message.actor_name) if message else None,
            message=None if payload is None else _kept(payload),
            size=len(payload or b""),
            reason=_text(reason_for(queue, payload))[:MAX_REASON],
            dead_at=_moment(died_ms),
        )

    @classmethod
    def from_stored(cls, stored: dict[str, Any]) -> Self:
        fields = {name: stored[name] for name in cls.__slots__ if name in stored}
        return cls(**fields | {"letter_id": stored["_id"], "state": LetterState(stored["state"])})

    def to_stored(self) -> dict[str, Any]:
        stored = {name: getattr(self, name) for name in self.__slots__ if name != "letter_id"}
        return {"_id": self.letter_id, **stored}

    def to_deliver(self) -> Message[None] | None:
        """Return the message as first sent; ``None`` if it cannot be read, or not in full."""
        payload = self.message.encode() if isinstance(self.message, str) else self.message
        if payload is None or len(payload) < self.size:
            return None
        message = decoded(payload)
        if message is None:
            return None
        of_its_life = {"redis_message_id", "retries", "traceback", "requeue_timestamp", "eta", "error"}
        options = {name: value for name, value in message.options.items() if name not in of_its_life}
        return Message(
            queue_name=self.queue,
            actor_name=message.actor_name,
            args=message.args,
            kwargs=message.kwargs,
            options=options,
            message_id=message.message_id,
            message_timestamp=message.message_timestamp,
        )


def _kept(payload: bytes) -> str | bytes:
    cut = payload[:MAX_PAYLOAD]
    try:
        return cut.decode()
    except UnicodeDecodeError:
        return cut


def _named(value: object) -> str:
    return _text(str(value))[:MAX_REASON]


def _text(value: bytes | str) -> str:
    """Return text that BSON can keep. JSON may contain lone surrogates, and ids any bytes."""
    encoded = value if isinstance(value, bytes) else value.encode(errors="backslashreplace")
    return encoded.decode(errors="backslashreplace")


def _moment(milliseconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
    except (OverflowError, ValueError, OSError):  # a score that somebody made up
        return datetime.now(UTC)
