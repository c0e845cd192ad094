"""Reads the log: as it is settled, within a session, or as it is now.

Settled is not the same as newest. Until a new primary has settled a write of its own, it shows less
than its predecessor has acknowledged. A primary that was replaced may go on showing what it had. So
take a view ``within`` a causal session if it must not be older than what it is compared with. Take
it by ``now`` if it must not be older than anything acknowledged.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Self, cast

from bson import decode_all
from pymongo import ASCENDING, DESCENDING
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database

from bus.connections.clients import CODEC, SETTLED, StoredDocument, causal, read_barrier
from bus.log.commit import Commit
from bus.log.positions import HighestRead
from bus.messages.outcome import CommandStatus

RAW_BATCH = 250
"""The commits in a batch from MongoDB: 8 MB of the largest orders, which have 200 lines."""

_FOR_READERS = {"_id": False, "state": False}
"""Only the write side needs the ``state``."""
_FOR_LISTS = {**_FOR_READERS, "events": False}
_CHANGED = CommandStatus.SUCCEEDED
"""Only a command that succeeded can have a commit of its stream."""
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class LogSlice:
    """The contiguous commits that a reader may have, and the missing positions below others."""

    commits: tuple[Commit, ...]
    missing: tuple[int, ...]
    size: int = field(default=0, compare=False)
    """The bytes that were read, if they were counted (``LogView.read_within``)."""


def _contiguous(commits: Iterable[StoredDocument], after: int) -> LogSlice:
    """Return the commits that follow a position without a gap, and what is missing beyond them."""
    found = {stored["seq"]: stored for stored in commits}
    contiguous = []
    expected = after + 1
    while expected in found:
        contiguous.append(Commit.from_stored(found[expected]))
        expected += 1
    last = max(found, default=after)
    return LogSlice(tuple(contiguous), tuple(seq for seq in range(expected, last) if seq not in found))


class LogView:
    """The log in one write database, for reading."""

    def __init__(self, database: Database[StoredDocument], partitions: int) -> None:
        self.partitions = partitions
        self._database = database
        self._session: ClientSession | None = None
        self._seen = HighestRead()
        self._settled = database.get_collection("commits", read_concern=SETTLED)

    def within(self, session: ClientSession | None) -> Self:
        """Return the same log, read causally after what was read and written in a session."""
        view = copy(self)
        view._session = session  # noqa: SLF001 - its own
        return view

    @contextmanager
    def now(self) -> Iterator[Self]:
        """Yield the same log; nothing in it is older than what was acknowledged before the call.

        Raises:
            pymongo.errors.PyMongoError: no server can say within the client's timeout that it is
                the primary.

        """
        with causal(self._database) as session:
            read_barrier(self._database, session)
            yield self.within(session)

    def newest(self, partition: int, stream: str) -> Commit | None:
        """Return the newest commit of a stream, or ``None`` if it has none."""
        where = {"partition": partition, "stream": stream}
        stored = self._settled.find_one(where, sort=[("version", DESCENDING)], session=self._session)
        return self._noted(stored) if stored else None

    def newer(self, known: Mapping[tuple[int, str], int]) -> dict[tuple[int, str], Commit]:
        """Return the newest commit of each stream that is newer than the version known (0: none).

        It takes one query. It reads settled commits, because a decision must not rest on facts that
        a failover could take back. The commits come without their events.
        """
        alike: defaultdict[tuple[int, int], list[str]] = defaultdict(list)
        for (partition, stream), version in known.items():
            alike[partition, version].append(stream)
        ranges = [  # few of them, since each is planned by itself: most streams are new or at version 1
            {"partition": partition, "stream": {"$in": streams}, "version": {"$gt": version}}
            for (partition, version), streams in alike.items()
        ]
        newest: dict[tuple[int, str], Commit] = {}
        if not ranges:
            return newest
        without_events = {"_id": False, "events": False}
        for stored in self._settled.find({"$or": ranges}, without_events, session=self._session):
            commit = self._noted(stored)
            key = (commit.partition, stored["stream"])
            if key not in newest or stored["version"] > (newest[key].version or 0):
                newest[key] = commit
        return newest

    def history(self, partition: int, stream: str) -> list[Commit]:
        """Return all commits of a stream, oldest first.

        No commit is missing that was acknowledged before the call.
        """
        if self._session is not None:
            return self._history(partition, stream)
        with self.now() as now:
            return now._history(partition, stream)  # noqa: SLF001 - its own

    def _history(self, partition: int, stream: str) -> list[Commit]:
        where = {"partition": partition, "stream": stream}
        found = self._settled.find(where, {"_id": False}, session=self._session)
        return [self._noted(stored) for stored in found.sort("version", ASCENDING)]

    def latest(self, partition: int, stream: str, limit: int) -> list[Commit]:
        """Return a stream's newest commits, oldest first, without ``state``; at most ``limit``."""
        where = {"partition": partition, "stream": stream}
        found = self._settled.find(where, _FOR_READERS, session=self._session)
        return [Commit.from_stored(s) for s in found.sort("version", DESCENDING).limit(limit)][::-1]

    def without_effect(self, partition: int, stream: str, limit: int) -> list[Commit]:
        """Return decisions on a stream that did not change it, mostly refusals, as ``latest``."""
        where = {"partition": partition, "outcome.stream": stream}
        found = self._settled.find(where, _FOR_READERS, session=self._session)
        found = found.sort("seq", DESCENDING).limit(limit)
        return [Commit.from_stored(stored) for stored in found][::-1]

    def decided(self, status: str, limit: int) -> list[Commit]:
        """Return the newest commands of this outcome, at most ``limit``, newest first.

        They come without events and state.
        """
        settled, session = self._settled, self._session
        quiet = {"outcome.status": status, "outcome.stream": {"$exists": True}}
        cursors = [settled.find(quiet, _FOR_LISTS, session=session).sort("decided_at", DESCENDING)]
        for partition in range(self.partitions) if status == _CHANGED else ():
            where = {"partition": partition, "stream": {"$exists": True}}
            cursors.append(settled.find(where, _FOR_LISTS, session=session).sort("seq", DESCENDING))
        found = [Commit.from_stored(stored) for cursor in cursors for stored in cursor.limit(limit)]
        return sorted(found, key=lambda commit: commit.decided_at or _NEVER, reverse=True)[:limit]

    def of_streams(self, partition: int, streams: Iterable[str]) -> list[Commit]:
        """Return all commits of some streams, by position, without their ``state``."""
        where = {"partition": partition, "stream": {"$in": sorted(streams)}}
        # Sorted here: asked to sort by position, MongoDB might read the whole partition in that
        # order.
        found = self._settled.find(where, _FOR_READERS, session=self._session)
        return sorted(map(Commit.from_stored, found), key=lambda commit: commit.seq)

    def waiting(self, partition: int, stream: str, seq: int) -> int:
        """Return how many commits of a stream come after a position."""
        where = {"partition": partition, "stream": stream, "seq": {"$gt": seq}}
        return self._settled.count_documents(where, hint="optimistic_lock", session=self._session)

    def of_command(self, partition: int, command_id: str) -> Commit | None:
        """Return the commit of a command, or ``None`` if it has not been decided."""
        where = {"partition": partition, "command_id": command_id}
        stored = self._settled.find_one(where, session=self._session)
        return self._noted(stored) if stored else None

    def of_commands(self, command_ids: Mapping[int, Sequence[str]]) -> dict[str, Commit]:
        """Return the commits of those commands that have been decided, by command id.

        ``command_ids`` has the ids by partition.
        """
        wanted = [
            {"partition": partition, "command_id": {"$in": list(ids)}}
            for partition, ids in command_ids.items()
        ]
        found = self._settled.find({"$or": wanted}, session=self._session) if wanted else ()
        return {stored["command_id"]: self._noted(stored) for stored in found}

    def of_commands_anywhere(self, command_ids: Sequence[str]) -> dict[str, Commit]:
        """Return the same for commands of unknown partition: look for each in all partitions."""
        if not command_ids:
            return {}
        partitions = {"$in": list(range(self.partitions))}
        where = {"partition": partitions, "command_id": {"$in": list(command_ids)}}
        found = self._settled.find(where, session=self._session)
        return {stored["command_id"]: self._noted(stored) for stored in found}

    def read(self, partition: int, after: int, limit: int, *, state: bool = True) -> LogSlice:
        """Return the next contiguous commits after a position, and what is missing beyond.

        It reads at most ``limit`` commits. Without ``state``, which only the write side needs, they
        are a quarter smaller.
        """
        left_out = {"_id": False} if state else _FOR_READERS
        where = {"partition": partition, "seq": {"$gt": after}}
        cursor = self._settled.find(where, left_out, session=self._session)
        return _contiguous(cursor.sort("seq", ASCENDING).limit(limit), after)

    def read_within(self, partition: int, after: int, limit: int, most_bytes: int) -> LogSlice:
        """Read as ``read`` without states, but not much more than ``most_bytes``.

        It returns one commit at least, if there is one. It stops after the batch of documents from
        MongoDB that reaches ``most_bytes``.
        """
        where = {"partition": partition, "seq": {"$gt": after}}
        stored: list[StoredDocument] = []
        read = 0
        with self._settled.find_raw_batches(
            where,
            _FOR_READERS,
            sort=[("seq", ASCENDING)],
            limit=limit,
            batch_size=RAW_BATCH,
            session=self._session,
        ) as batches:
            for batch in cast("Iterable[bytes]", batches):
                stored += decode_all(batch, CODEC)
                read += len(batch)
                if read >= most_bytes:
                    break
        return replace(_contiguous(stored, after), size=read)

    def accepted_after(self, partition: int, position: int) -> datetime | None:
        """Return the time when the first command of the log beyond a position was accepted."""
        beyond = {"partition": partition, "seq": {"$gt": position}, "at": {"$exists": True}}
        order = [("seq", ASCENDING)]
        stored = self._settled.find_one(beyond, {"at": True}, sort=order, session=self._session)
        return stored["at"] if stored else None

    def head(self, partition: int) -> int:
        """Return the highest position in a partition that holds anything; 0 for an empty one."""
        return head_of(self._settled, partition, self._session)

    def heads(self) -> list[int]:
        """Return the highest position in each partition."""
        return [self.head(partition) for partition in range(self.partitions)]

    def _noted(self, stored: StoredDocument) -> Commit:
        """Note a stored commit as read, since a writer may rest a decision on it, and return it."""
        self._seen.note(stored["partition"], stored["seq"])
        return Commit.from_stored(stored)


def head_of(commits: Collection[StoredDocument], partition: int, session: ClientSession | None) -> int:
    newest = commits.find_one(
        {"partition": partition}, {"seq": True}, sort=[("seq", DESCENDING)], session=session
    )
    return newest["seq"] if newest else 0
