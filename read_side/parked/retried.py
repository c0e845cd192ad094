"""What became of a parked stream that was to be retried, as the command line and HTTP tell it alike."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from bus.audit_trail.actions import Ended
from read_side.parked.parking import Parked


class Result(StrEnum):
    """``REBUILD`` says that only a rebuild of the read model helps, ``REFUSED`` that nothing was tried."""

    MENDED = "mended"
    PARKED = "parked"
    REBUILD = "rebuild"
    BUSY = "busy"
    REFUSED = "refused"

    @property
    def ended(self) -> Ended:
        """How the audit trail calls it; of what is being mended the end is not known yet."""
        if self in {Result.MENDED, Result.BUSY}:
            return Ended.DONE if self is Result.MENDED else Ended.BEGUN
        return Ended.FAILED if self is Result.PARKED else Ended.REFUSED


@dataclass(frozen=True, slots=True)
class Retried:
    """A parked stream of one generation, what became of it, and why it is not mended, if it is not.

    `busy` means that it is being mended, or will be: look where it is listed.
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
        """One that was tried, with where it is parked now."""
        return cls.of(parked, Result.PARKED, f"still, from position {parked.seq} on: {parked.error}")
