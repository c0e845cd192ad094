"""What a client of the API raises, and when."""

from bus.errors import TwofoldError


class ServiceError(TwofoldError):
    """The service did not answer, not in time, or does not let this client in."""
