"""What a replay raises, and when."""

from bus.errors import TwofoldError


class BadInputError(TwofoldError):
    """The files cannot be read or contradict each other; nothing has been sent."""


class ServiceError(TwofoldError):
    """The service did not answer, not in time, or does not let this client in."""
