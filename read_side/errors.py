"""What the read side raises, and when."""

from bus.errors import TwofoldError


class LeaseLostError(TwofoldError):
    """Another runner owns the partition by now: what this one was about to write is abandoned."""


class RebuildNeededError(TwofoldError):
    """A stream is to be mended in a read model that counts many streams into one document."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} counts many streams into one document, so what it missed of one cannot be added:"
            f" rebuild it with `python -m read_side rebuild {name}`"
        )


class BehindTheCheckpointError(TwofoldError):
    """A checkpoint is beyond the head of the log: the log was replaced or restored from an older copy."""
