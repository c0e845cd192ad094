"""The base of every message: immutable, strict with callers, lenient with what is stored.

A field that a caller sends and this build does not know is an error. A newer build may have written
a stored document: during a deploy, or before that build was taken back. The older build passes over
unknown fields of such a document, at every depth, so that it goes on. Therefore only
``from_stored`` reads what is stored. A test keeps other modules from validating on their own.

Every change of a form raises ``schema_version``. Every later build reads what was stored in an
older form: an event through its upcasters, a state by folding its stream's events again, a command
because its new fields have defaults. An older build meets a newer form while a deploy is under way.
It reads an event of that form if the newer build says that it may (``readable_since``), and it
folds a state again. It refuses everything else: the event parks its stream, and the command is kept
as failed. ``docs/extending.md`` says how to change a form.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """Immutable data with named, validated fields; an unknown field is an error unless stored."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="utf8")

    schema_version: ClassVar[int] = 1
    """The version of the form. Every change raises it: a field more or less, or of another type.

    For an event, ``bus.messages.upcasters`` then gets the function that turns the previous form
    into this one.
    """

    @classmethod
    def from_stored(cls, stored: object) -> Self:
        """Return the message that MongoDB or a queue holds, without fields unknown to this build.

        Raises:
            pydantic.ValidationError: this build does not know a type, a version or a value in it.

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
        """Return True if this command must not be decided before one that was accepted earlier.

        It must not if the earlier command changes what this one is decided with, or is decided with
        what this one changes. Otherwise this one would miss the earlier change, or the earlier one
        would see a later change.
        """
        return (
            earlier.stream == self.stream
            or earlier.stream in self.fact_streams
            or self.stream in earlier.fact_streams
        )


class Event(Message):
    """Something that happened, named in the past tense, carrying all that any reader needs."""

    readable_since: ClassVar[int | None] = None
    """The oldest version whose readers may act on this one; they pass over what they do not know.

    ``None`` means that no older version may. The log keeps it with the event, so that a build older
    than this version goes on beside a build that writes it.
    """
