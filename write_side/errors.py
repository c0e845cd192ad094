"""What the write side raises, and when."""

from bus.errors import TwofoldError


class EarlierUnfinishedError(TwofoldError):
    """An earlier command that this one depends on could not be finished yet."""


class BusyError(TwofoldError):
    """A command could not be begun, because of others that are being handled; nothing is known about it."""


class WorkerKilledError(TwofoldError):
    """A command was alone in its worker each time that the worker died."""
