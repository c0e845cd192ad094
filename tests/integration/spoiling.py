"""Events that nobody can read, and their repair: what a bad release writes, and the next one understands."""

from bus.messages.registry import SCHEMA_VERSIONS
from read_side.generations.registry import FIRST
from read_side.parked.parking import Parking
from tests.integration.sides import WriteSide

UNKNOWN = 99
"""A version of an event's schema that no build knows."""


def spoil(write: WriteSide, stream: str, version: int) -> int:
    """Make the first event of a commit unreadable; returns the commit's position."""
    found = write.database.commits.find_one_and_update(
        {"stream": stream, "version": version}, {"$set": {"events.0.v": UNKNOWN}}
    )
    assert found is not None, f"{stream} has no version {version}"
    return int(found["seq"])


def repair(write: WriteSide, *streams: str) -> None:
    """Make all events readable again, or those of some streams."""
    where = {"stream": {"$in": list(streams)}} if streams else {}
    for kind, version in SCHEMA_VERSIONS.items():
        spoilt = {**where, "events.0.v": UNKNOWN, "events.0.type": kind}
        write.database.commits.update_many(spoilt, {"$set": {"events.0.v": version}})


def set_aside(parking: Parking, name: str, partition: int, stream: str, seq: int) -> None:
    """Let the first generation of a read model have parked a stream that may not even be there."""
    parking.park(
        *(name, FIRST, partition),
        stream=stream,
        seq=seq,
        error="poison",
        was=None,
        epoch=1,
        renew=lambda: None,
    )
