"""What the write side raises, and when."""

from bus.errors import TwofoldError


class EarlierUnfinishedError(TwofoldError):
    """An earlier command that this one depends on could not be finished yet."""
