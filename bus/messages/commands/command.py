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
