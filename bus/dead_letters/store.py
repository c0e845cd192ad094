"""The dead letters: messages that no worker could do anything with, kept until an operator decides.

Dramatiq moves them aside in Redis (``dramatiq:<queue>.XQ``) and lets them expire after seven days.
Here the clock collects them into ``dead_letters``, in the write database, which keeps them for
ever.

Why no letter is lost or kept twice: the clock inserts a letter, durably, before it removes it from
Redis, and the letter's id is drawn from what lies in Redis. So a crash between the two only repeats
the insert. The clock removes a letter only while it is the same death. The same id may die again in
between (a command's id in Redis is the command's own), and that death stays for the next round.
Several clocks may collect at once. Two deaths of one id between two rounds cannot be told apart:
Redis has room for the later one only. The next round is a second later. If Redis loses a letter
before it, only the letter is lost: the inbox has the command, and a bell is rung again.
"""

from collections.abc import Iterable, Sequence
from typing import cast

import redis
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from bus.connections.clients import DUPLICATE_KEY, DURABLE, StoredDocument
from bus.dead_letters.dead_letter import DeadLetter, LetterState
from bus.observability.logs import logger
from bus.queue.keys import QueueKeys

BATCH = 100
"""The most letters collected at a time: each may have a megabyte or more."""
BATCHES_A_ROUND = 10
"""The most batches for each queue: a flood of letters must not keep the clock from its sweep."""

INDEXES = (
    IndexModel([("state", ASCENDING), ("dead_at", DESCENDING)]),
    IndexModel([("dead_at", DESCENDING)]),
    IndexModel([("message_id", ASCENDING)]),
)

_REMOVE = """
-- KEYS: dead ids, dead messages. ARGV: id, when it died, id, when it died, ...
local removed = 0
for i = 1, #ARGV, 2 do
    local died = redis.call("zscore", KEYS[1], ARGV[i])
    if died and tonumber(died) == tonumber(ARGV[i + 1]) then
        redis.call("zrem", KEYS[1], ARGV[i])
        redis.call("hdel", KEYS[2], ARGV[i])
        removed = removed + 1
    end
end
return removed
"""

Death = tuple[bytes, float]
"""An id in Redis, and the time of its death in milliseconds since 1970."""


class DeadLetters:
    """The dead letters in one write database."""

    def __init__(self, database: Database[StoredDocument]) -> None:
        self._letters = database.get_collection("dead_letters", write_concern=DURABLE)

    def create(self) -> None:
        """Make the indexes; idempotent."""
        self._letters.create_indexes(list(INDEXES))

    def collect(self, client: redis.Redis, queues: Iterable[str]) -> int:
        """Move the dead letters of some queues from Redis to here; return how many there were."""
        collected = 0
        for queue in queues:
            for _ in range(BATCHES_A_ROUND):
                count = self._collect_batch(client, queue)
                collected += count
                if count < BATCH:
                    break
        if collected:
            logger.warning("collected dead letters", letters=collected)
        return collected

    def _collect_batch(self, client: redis.Redis, queue: str) -> int:
        keys = QueueKeys(queue)
        deaths = cast("list[Death]", client.zrange(keys.dead, 0, BATCH - 1, withscores=True))
        if not deaths:
            return 0
        payloads = client.hmget(keys.dead_messages, [redis_id for redis_id, _ in deaths])
        self.keep(
            DeadLetter.collected(queue, redis_id, died_ms, cast("bytes | None", payload))
            for (redis_id, died_ms), payload in zip(deaths, payloads, strict=True)
        )
        removal = [part for redis_id, died_ms in deaths for part in (redis_id, repr(died_ms))]
        client.eval(_REMOVE, 2, keys.dead, keys.dead_messages, *removal)
        return len(deaths)

    def keep(self, letters: Iterable[DeadLetter]) -> None:
        """Insert letters; those that are here already stay as they are, resolved or not."""
        try:
            self._letters.insert_many([letter.to_stored() for letter in letters], ordered=False)
        except BulkWriteError as error:
            refused = error.details["writeErrors"]
            if error.details["writeConcernErrors"] or any(r["code"] != DUPLICATE_KEY for r in refused):
                raise

    def newest(self, queue: str | None, limit: int, *, resolved: bool = False) -> list[DeadLetter]:
        """Return the newest letters first; those that an operator ended only if ``resolved``."""
        where: StoredDocument = {} if resolved else {"state": LetterState.KEPT}
        if queue is not None:
            where["queue"] = queue
        found = self._letters.find(where).sort("dead_at", DESCENDING).limit(limit)
        return [DeadLetter.from_stored(stored) for stored in found]

    def kept_ids(self, queue: str | None) -> list[str]:
        """Return the ids of all letters that wait for an operator, the oldest first."""
        where: StoredDocument = {"state": LetterState.KEPT} | ({} if queue is None else {"queue": queue})
        return [
            stored["_id"] for stored in self._letters.find(where, {"_id": True}).sort("dead_at", ASCENDING)
        ]

    def count_kept(self) -> dict[str, int]:
        """Return how many letters wait for an operator, by queue."""
        pipeline: list[StoredDocument] = [
            {"$match": {"state": LetterState.KEPT}},
            {"$group": {"_id": "$queue", "letters": {"$sum": 1}}},
        ]
        return {group["_id"]: group["letters"] for group in self._letters.aggregate(pipeline)}

    def find(self, letter_id: str) -> DeadLetter | None:
        stored = self._letters.find_one({"_id": letter_id})
        return DeadLetter.from_stored(stored) if stored else None

    def of_message(self, message_id: str) -> Sequence[DeadLetter]:
        """Return every death of a message, the newest first.

        The message of a command has the command's id.
        """
        found = self._letters.find({"message_id": message_id}).sort("dead_at", DESCENDING)
        return [DeadLetter.from_stored(stored) for stored in found]

    def resolve(self, letter_id: str, state: LetterState, *, by: str, reason: str) -> bool:
        """End a kept letter; return False if somebody else ended it, or if it never existed."""
        ended = self._letters.update_one(
            {"_id": letter_id, "state": LetterState.KEPT},
            {
                "$set": {"state": state, "resolved_by": by, "resolution": reason},
                "$currentDate": {"resolved_at": True},
            },
        )
        return bool(ended.modified_count)
