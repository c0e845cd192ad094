"""What the read side raises, and when."""

from bus.errors import RefusedError, TwofoldError


class LeaseLostError(TwofoldError):
    """Another runner owns the partition by now: what this one was about to write is abandoned."""


class CannotShowError(TwofoldError):
    """A document lacks what it cannot take: it is not shown as if it lacked nothing."""

    def __init__(self, name: str) -> None:
        super().__init__(f"a document of {name} cannot take what its log says")
        self.read_model = name


class TooSlowError(TwofoldError):
    """A read model takes so long over a stretch of the log that the others should not wait for it."""


class RebuildNeededError(TwofoldError):
    """A stream is to be mended in a read model that counts many streams into one document."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} counts many streams into one document, so what it missed of one cannot be added:"
            f" rebuild it with `python -m read_side rebuild {name}`"
        )


class BehindTheCheckpointError(TwofoldError):
    """A checkpoint is beyond the head of the log: the log was replaced or restored from an older copy."""

    def __init__(self, name: str, partition: int, position: int, head: int) -> None:
        super().__init__(
            f"{name} has read up to {position} of partition {partition}; its head is at {head}, or there is a"
            " hole behind it: the log is not the one that this read database was built from"
        )


class GenerationError(RefusedError):
    """What was asked for cannot be done to a generation as it is now."""


class RebuildLostError(TwofoldError):
    """Another rebuild of the model has taken over: this one changes nothing any more."""


class RebuildRefusedError(RefusedError):
    """A rebuild cannot begin: another one is running, or the model is not known."""


class RebuildStoppedError(TwofoldError):
    """A rebuild ended before its generation was live; it can be resumed or dropped."""
