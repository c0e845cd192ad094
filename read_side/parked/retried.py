"""The results of retrying parked streams, the same for the command line and for HTTP."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from bus.audit_trail.actions import Ended
from read_side.parked.parking import Parked


class Result(StrEnum):
    """The result of a retry.

    ``REBUILD`` says that only a rebuild of the read model helps, ``REFUSED`` that nothing was
    tried.
    """

    MENDED = "mended"
    PARKED = "parked"
    REBUILD = "rebuild"
    BUSY = "busy"
    REFUSED = "refused"

    @property
    def ended(self) -> Ended:
        """The audit trail's word for it; a stream that is being mended has no known end yet."""
        if self in {Result.MENDED, Result.BUSY}:
            return Ended.DONE if self is Result.MENDED else Ended.BEGUN
        return Ended.FAILED if self is Result.PARKED else Ended.REFUSED


@dataclass(frozen=True, slots=True)
class Retried:
    """A parked stream of one generation, the result of its retry, and why it is not mended.

    `busy` means that it is being mended, or will be: look for it in the list of parked streams.
    """

    read_model: str
    generation: int
    partition: int
    stream: str
    result: Result
    detail: str

    @classmethod
    def of(cls, parked: Parked, result: Result, detail: object = "") -> Self:
        return cls(parked.name, parked.generation, parked.partition, parked.stream, result, str(detail))

    @classmethod
    def still(cls, parked: Parked) -> Self:
        """Return the result of a try after which the stream is parked, with its position now."""
        return cls.of(parked, Result.PARKED, f"still, from position {parked.seq} on: {parked.error}")
