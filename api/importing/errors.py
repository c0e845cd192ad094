"""The error of an import, and when it is raised."""

from bus.errors import TwofoldError


class BadInputError(TwofoldError):
    """The mapping or a file cannot be read, or they do not fit each other; nothing was sent."""
