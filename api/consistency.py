"""Consistency tokens: the position in the log up to which a reader must have read to see a command."""

from bus.messages.outcome import Outcome


def token_of(outcome: Outcome) -> str | None:
    """The token of a finished command; ``None`` if the log holds nothing of it."""
    return None if outcome.seq is None else f"{outcome.partition}-{outcome.seq}"
