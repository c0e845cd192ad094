"""What an import raises, and when."""

from bus.errors import TwofoldError


class BadInputError(TwofoldError):
    """The mapping or a file cannot be read, or they do not fit each other; nothing has been sent."""
