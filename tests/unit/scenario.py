"""Given what happened, when a command comes, then this is what it comes to.

``given(order_placed()).when(change_order_status(), facts()).then(order_confirmed())``
"""

from dataclasses import dataclass
from typing import Any

from bus.messages.registry import AnyCommand, AnyEvent
from bus.messages.rejection import Rejection, RejectionKind
from tests.support import messages
from write_side.domain.aggregates import aggregate_for, fold
from write_side.domain.facts import Facts


@dataclass(frozen=True)
class Decided:
    """What a command came to."""

    came_to: tuple[AnyEvent, ...] | Rejection

    def then(self, *events: AnyEvent) -> None:
        """It succeeded with exactly these events."""
        assert self.came_to == events
        assert events, "say quiet() where nothing is to happen"

    def quiet(self) -> None:
        """It succeeded and changed nothing."""
        assert self.came_to == ()

    def refused(self, code: str, kind: RejectionKind, *fields: str) -> Rejection:
        """It was refused, with errors for exactly these fields."""
        assert isinstance(self.came_to, Rejection), f"it succeeded: {self.came_to}"
        assert (self.came_to.code, self.came_to.kind) == (code, kind)
        assert tuple(error.field for error in self.came_to.errors) == fields
        assert self.came_to.detail
        return self.came_to


@dataclass(frozen=True)
class Given:
    """What happened to one aggregate so far."""

    events: tuple[AnyEvent, ...]

    def when(self, command: AnyCommand, facts: Facts | None = None) -> Decided:
        """Decide the command, with the usual facts unless told others."""
        aggregate = aggregate_for(command)
        state = fold(aggregate, None, self.events)
        came_to: Any = aggregate.decide(state, command, facts or messages.facts())
        return Decided(came_to)


def given(*events: AnyEvent) -> Given:
    return Given(events)
