"""Decisions to append, with overrides, and what became of them."""

from itertools import count
from typing import Any

from bus.log.commit import Commit, Decision
from bus.log.log import Appended, Log
from bus.messages.registry import to_stored
from tests.support import messages
from tests.support.messages import NOW

PARTITIONS = 2
"""Of the log that these are for."""

_numbers = count(1)


def decision(stream: str | None = "customer-c1", version: int | None = 1, **over: Any) -> Decision:
    """A commit of a stream, by a command of its own."""
    effect: dict[str, Any] = {
        "partition": 0,
        "command_id": f"command-{next(_numbers)}",
        "correlation_id": "r1",
        "at": NOW,
        "by": "staff:sam",
        "stream": stream,
        "version": version,
    }
    if stream is not None:
        effect |= {"events": (to_stored(messages.customer_registered()),), "state": {"name": "Ann Archer"}}
    return Decision(**effect | over)


def refusal(**over: Any) -> Decision:
    """What a refused command leaves: its outcome, and no stream."""
    return decision(None, None, **{"outcome": {"status": "rejected"}, **over})


def tombstone(seq: int, partition: int = 0) -> Commit:
    return Commit(partition=partition, seq=seq)


def append(log: Log, one: Decision) -> Appended:
    (appended,) = log.append([one])
    return appended


def committed(log: Log, one: Decision) -> Commit:
    """Append what must succeed."""
    appended = append(log, one)
    assert isinstance(appended, Commit), appended
    return appended
