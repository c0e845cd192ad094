"""The errors of the read side, and when each is raised."""

from bus.errors import RefusedError, TwofoldError


class LeaseLostError(TwofoldError):
    """Another runner owns the partition now, so this one abandons what it was about to write."""


class CannotShowError(TwofoldError):
    """A document lacks events that cannot be folded into it, so it is not shown as complete."""

    def __init__(self, name: str) -> None:
        super().__init__(f"a document of {name} cannot take what its log says")
        self.read_model = name


class TooSlowError(TwofoldError):
    """A read model takes so long over a stretch of the log that others should not wait for it."""


class RebuildNeededError(TwofoldError):
    """A stream is to be mended in a read model that counts many streams into one document."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} counts many streams into one document, so what it missed of one cannot be added:"
            f" rebuild it with `python -m read_side rebuild {name}`"
        )


class BehindTheCheckpointError(TwofoldError):
    """A checkpoint is beyond the log's head: the log was replaced, or an older copy restored."""

    def __init__(self, name: str, partition: int, position: int, head: int) -> None:
        super().__init__(
            f"{name} has read up to {position} of partition {partition}; its head is at {head}, or there is a"
            " hole behind it: the log is not the one that this read database was built from"
        )


class GenerationError(RefusedError):
    """The state of a generation does not allow what was asked for."""


class RebuildLostError(TwofoldError):
    """Another rebuild of the model has taken over, so this one changes nothing any more."""


class RebuildRefusedError(RefusedError):
    """A rebuild cannot begin: another one is running, or the model is not known."""


class RebuildStoppedError(TwofoldError):
    """A rebuild ended before its generation was live; it can be resumed or dropped."""
