"""The base of every message: immutable, strict about what callers send, lenient about what is stored.

A field that a caller sends and this build does not know is an error. A stored document may have been written
by a newer build: during a deploy, or before one is taken back. Its unknown fields are passed over, at every
depth, so that the older build goes on. Everything stored is therefore read by ``from_stored``, and only
there. A test keeps other modules from validating on their own.

Every change of a form raises ``schema_version``. What was stored in an older form is read by every later
build: an event through its upcasters, a state by folding its stream's events again, a command because its
new fields have defaults. An older build meets a newer form while a deploy is under way. It reads an event
of it if the newer build says that it may (``readable_since``), and folds a state again. Everything else it
refuses: the event parks its stream, and the command is kept as failed. ``docs/extending.md`` says how to
change a form.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """Immutable data with named, validated fields; an unknown field is an error unless it is stored."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="utf8")

    schema_version: ClassVar[int] = 1
    """Raised with every change of the form: a field more or less, or of another type.

    For an event ``bus.messages.upcasters`` then gets the function that turns the form before into this one.
    """

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

    readable_since: ClassVar[int | None] = None
    """The oldest version whose readers may act on this one, passing over what they do not know.

    ``None``: no older one may. It is stored with the event, so that a build that came before this version
    goes on beside one that writes it.
    """
