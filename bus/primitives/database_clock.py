"""The time as the write database has it: the one clock that all API processes share.

A command is decided with the moment when it was accepted. With the clocks of the hosts, time would
run backwards between a request to one process and the next to another, and an order would be placed
"in the future" of the command that confirms it. So each process learns how far mongod's clock is
from its own monotonic clock, and reads the time off that: no query per command, and no wall clock
of its own.

The time is wrong by at most half of the round trip of the last question, and by what the two clocks
drift apart until the next question. After an election, the next question follows the clock of the
new primary. Time may go back then, so a decision takes the later of this time and the last entry's
(``write_side.domain.orders``).
"""

import threading
import time
from datetime import UTC, datetime, timedelta

import pymongo
from pymongo.database import Database
from pymongo.errors import PyMongoError

from bus.connections.clients import CODEC, StoredDocument
from bus.observability.logs import logger

ASK_EVERY_S = 10.0
FIRST_S = 0.5
"""The time a caller waits for the first answer, and before that for another caller's."""
LONGEST_ROUND_TRIP_S = 0.5
"""The round trip past which an answer says too little to replace one that was quicker.

It still replaces an answer that it contradicts.
"""
NOTABLE_S = 1.0
"""The seconds by which this host's clock may be wrong before the log says so."""


class DatabaseClock:
    """Tells the time; asks mongod when first read, and whenever ``ask`` is called."""

    def __init__(self, database: Database[StoredDocument]) -> None:
        self._database = database
        self._ahead: timedelta | None = None
        """mongod's time minus this process's monotonic time."""
        self._asking = threading.Lock()
        self._told = False
        self._asked_at = float("-inf")

    def now(self) -> datetime:
        """Return the time in UTC; by this host's clock until mongod has been reached."""
        if self._ahead is None and self._asking.acquire(timeout=FIRST_S):
            try:
                self._ask_first()
            finally:
                self._asking.release()
        ahead = self._ahead
        return datetime.now(UTC) if ahead is None else _EPOCH + ahead + _monotonic()

    def ask_if_due(self) -> None:
        """Ask mongod if the last answer is older than ``ASK_EVERY_S``."""
        if time.monotonic() - self._asked_at > ASK_EVERY_S:
            self.ask()

    def ask(self) -> None:
        """Ask mongod for its time; raise the driver's error while it is away."""
        before = _monotonic()
        theirs: datetime = self._database.command("hello", codec_options=CODEC)["localTime"]
        after = _monotonic()
        self._asked_at = time.monotonic()
        is_quick = after - before <= timedelta(seconds=LONGEST_ROUND_TRIP_S)
        # The answer is from between the two. What lies outside was another clock, or this one
        # before it was put right.
        if self._ahead is None or is_quick or not before <= theirs - _EPOCH - self._ahead <= after:
            self._ahead = theirs - _EPOCH - (before + after) / 2
            self._tell(datetime.now(UTC) - theirs)

    def _ask_first(self) -> None:
        if self._ahead is not None:
            return
        try:
            with pymongo.timeout(FIRST_S):
                self.ask()
        except PyMongoError as error:
            logger.debug("the time could not be asked for", error=error)

    def _tell(self, wrong_by: timedelta) -> None:
        seconds = wrong_by.total_seconds()
        notable = abs(seconds) > NOTABLE_S
        if notable and not self._told:
            logger.warning("this host's clock differs from mongod's, which counts", ahead_s=round(seconds, 1))
        self._told = notable


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _monotonic() -> timedelta:
    return timedelta(seconds=time.monotonic())
