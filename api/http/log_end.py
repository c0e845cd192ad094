"""Finds tokens for positions that the log does not have, which no read model will ever show.

The API gives out a ``Consistency-Token`` once its position is settled. So a position beyond the end
of the log is made up, or is of another log, or was lost when a backup was restored. If no read
model shows a token yet, it is compared with the settled end of its partition, once: a process
remembers how far the log has been. A new primary may show less than was acknowledged. So before a
token is refused, the end is read behind a barrier (``bus.connections.clients.read_barrier``), which
shows all that was acknowledged before. One look is under way at a time, for all callers. So made-up
tokens cost one durable write after another and no more.

Reads do not need the write database. While it is away no token is refused, and one request a second
asks it.
"""

from collections.abc import Sequence

from pymongo.errors import PyMongoError

from api.http.consistency import Token
from bus.log.log import Log
from bus.log.view import LogView
from bus.primitives.circuit_breaker import CircuitBreaker
from bus.primitives.group_commit import GroupCommit


class LogEnd:
    """The end of the log, as far as one process knows it. Safe for threads."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._reached = [0] * log.partitions
        self._breaker = CircuitBreaker()
        self._look = GroupCommit(self._look_for_all)

    def is_before(self, tokens: Sequence[Token]) -> bool:
        """Return True if one of the tokens is for a position that the log does not have."""
        if not self._beyond(tokens) or not self._breaker.admits():
            return False
        try:
            is_before = self._look(tokens)
        except PyMongoError:
            self._breaker.trip()
            return False
        self._breaker.close()
        return is_before

    def _look_for_all(self, asked: Sequence[Sequence[Token]]) -> list[bool]:
        self._note(self._log, asked)
        if any(map(self._beyond, asked)):
            with self._log.now() as now:
                self._note(now, asked)
        return [bool(self._beyond(tokens)) for tokens in asked]

    def _note(self, log: LogView, asked: Sequence[Sequence[Token]]) -> None:
        for partition in {token.partition for tokens in asked for token in self._beyond(tokens)}:
            self._reached[partition] = max(self._reached[partition], log.head(partition))

    def _beyond(self, tokens: Sequence[Token]) -> list[Token]:
        """Return the tokens that are not known to be of this log."""
        return [token for token in tokens if token.seq > self._reached[token.partition]]
