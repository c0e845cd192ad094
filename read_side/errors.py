"""What the read side raises, and when."""

from bus.errors import TwofoldError


class LeaseLostError(TwofoldError):
    """Another runner owns the partition by now: what this one was about to write is abandoned."""


class BehindTheCheckpointError(TwofoldError):
    """A checkpoint is beyond the head of the log: the log was replaced or restored from an older copy."""
