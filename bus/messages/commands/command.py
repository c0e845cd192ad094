"""The base of every command: which stream it changes, and which it takes facts from."""

from abc import ABC, abstractmethod

from bus.messages.message import Message


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
