"""The base of every message: immutable, strict about what callers send, lenient about what is stored.

A field that a caller sends and this build does not know is an error. A stored document may have been written
by a newer build: during a deploy, or before one is taken back. Its unknown fields are passed over, at every
depth, so that the older build goes on. Everything stored is therefore read by ``from_stored``, and only
there. A test keeps other modules from validating on their own.

A newer build may add a field only if an older one may act without it. For anything else it raises
``schema_version`` (an event's ``v``) or ``envelope_version``, or makes a new type. An older build refuses
those: the event parks its stream, and the command is kept as failed.

An aggregate's ``state`` is read the same way. When the older build appends to a stream that the newer build
has written to, the new state lacks the newer build's field. Nothing is lost: the events are the truth and are
never rewritten, and the newer build gets the field back by folding them. What is accepted is that the newer
build finds the field's default in ``state`` until then. So a field of a state needs a default, and a decision
may rest on it only after states of the older form are folded again.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """Immutable data with named, validated fields; an unknown field is an error unless it is stored."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="utf8")

    schema_version: ClassVar[int] = 1
    """Raised when a change to the fields would make a stored message unreadable."""

    @classmethod
    def from_stored(cls, stored: object) -> Self:
        """The message that MongoDB or a queue holds, without the fields that this build does not know.

        Raises:
            pydantic.ValidationError: a type, a version or a value that this build does not know.

        """
        return cls.model_validate(stored, extra="ignore")


class Command(Message, ABC):
    """A request to change one aggregate, named in the imperative."""

    @property
    @abstractmethod
    def stream(self) -> str:
        """The stream of the aggregate that it changes."""

    @property
    def fact_streams(self) -> tuple[str, ...]:
        """The streams of other aggregates whose state the decision depends on."""
        return ()

    def depends_on(self, earlier: "Command") -> bool:
        """Whether it must not be decided before a command that was accepted earlier.

        It must not, if the earlier one changes what this one is decided with, or is decided with what this
        one changes: then it would see what came later.
        """
        return (
            earlier.stream == self.stream
            or earlier.stream in self.fact_streams
            or self.stream in earlier.fact_streams
        )


class Event(Message):
    """Something that happened, named in the past tense, carrying all that any reader needs."""
