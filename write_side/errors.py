"""The exceptions that the write side raises, and the cause of each."""

from bus.errors import TwofoldError


class EarlierUnfinishedError(TwofoldError):
    """An earlier command that this one depends on could not be finished yet."""


class BusyError(TwofoldError):
    """A command could not be begun: it is being handled alone elsewhere, or is finished."""


class WorkerKilledError(TwofoldError):
    """A command was alone in its worker each time that the worker died."""
