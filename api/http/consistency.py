"""Consistency tokens: the position in the log that a reader must have read to see a command."""

import re
from dataclasses import dataclass

from api.http.problems import malformed
from bus.messages.outcome import Outcome

HEADER = "Consistency-Token"
MAX_TOKENS = 50
"""The most tokens of a request, or the number of partitions if that is higher.

A caller that keeps the latest token of each partition has no more.
"""
_TOKEN = re.compile(r"([0-9]{1,4})-([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Token:
    """A position in the log."""

    partition: int
    seq: int


def token_of(outcome: Outcome) -> str | None:
    """Return the token of a finished command; ``None`` if the log holds nothing of it."""
    return None if outcome.seq is None else f"{outcome.partition}-{outcome.seq}"


def parse(header: str | None, partitions: int) -> list[Token]:
    """Return the tokens of a request, the latest of each partition.

    Raises:
        ProblemError: 400, one of them was not given out here, or there are too many.

    """
    latest: dict[int, int] = {}
    most = max(MAX_TOKENS, partitions)
    # RFC 9110, section 5.6.1: an empty element of a list says nothing.
    texts = [text for part in (header or "").split(",") if (text := part.strip(" \t"))]
    for text in texts[: most + 1]:
        match = _TOKEN.fullmatch(text)
        if match is None or int(match[1]) >= partitions or len(texts) > most:
            raise malformed("header", f"{HEADER} takes up to {most} tokens as they were given.")
        partition, seq = int(match[1]), int(match[2])
        latest[partition] = max(seq, latest.get(partition, 0))
    return [Token(partition, seq) for partition, seq in latest.items()]
