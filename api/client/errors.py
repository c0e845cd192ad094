"""The error of a client of the API, and when it is raised."""

from bus.errors import TwofoldError


class ServiceError(TwofoldError):
    """The service did not answer, or not in time, or it does not let this client in."""
