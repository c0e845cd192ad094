"""Whatever the order in which the steps of writers and readers fall: every reader sees the same log.

The steps are what a process does between two trips to MongoDB: load, claim, insert, close, read. Hypothesis
chooses whose step is next and who dies, always with a real mongod in between.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.local.mongod import Mongod
from bus.connections.clients import StoredDocument, write_database
from bus.errors import VersionConflictError
from bus.log.commit import Commit, Decision
from bus.log.log import Log
from bus.settings import Settings
from read_side.projector.gaps import Gaps
from tests.contract.decisions import decision, refusal
from tests.integration.log_readers import assert_sound
from tests.integration.turns import Player

WRITERS = 3
READERS = 2

_partitions = count()
"""Each example has a partition for itself."""


class SteppedLog(Log):
    """A log whose user gives up the turn before each of its steps."""

    player: Player | None = None

    def _pause(self) -> None:
        if self.player is not None:
            self.player.pause()

    def _claim(self, decisions: Any) -> list[Commit]:
        self._pause()
        return super()._claim(decisions)

    def _insert(self, documents: list[StoredDocument], *, in_order: bool = False) -> dict[int, set[str]]:
        self._pause()
        return super()._insert(documents, in_order=in_order)

    def close(self, positions: Iterable[tuple[int, int]]) -> int:
        self._pause()
        return super().close(positions)


class MakesLog(Protocol):
    def __call__(self) -> SteppedLog: ...


@pytest.fixture(scope="module")
def make_log(mongo_server: Mongod) -> Iterator[MakesLog]:
    kept = Settings(write_mongodb_uri=mongo_server.uri, write_database="interleavings")
    database = write_database(kept)
    with database.client as client:
        SteppedLog(database, 1).create()
        yield lambda: SteppedLog(database, 1)
        client.drop_database(database.name)


@dataclass
class Writer:
    """Appends to streams in turn, as the handling does: load, decide, append, and again after a conflict.

    Of several decisions on one stream in a batch, each rests on those before it. Commands named by a number
    are delivered to several writers.
    """

    log: SteppedLog
    partition: int
    batches: list[list[tuple[str | None, int]]]
    acknowledged: list[Commit] = field(default_factory=list)

    def __call__(self, player: Player) -> None:
        self.log.player = player
        for batch in self.batches:
            wanted = {command: stream for stream, command in batch}
            while wanted:
                player.pause()
                versions: dict[str, int] = {}
                decisions = [self._decided(stream, command, versions) for command, stream in wanted.items()]
                player.pause()
                for one, appended in zip(decisions, self.log.append(decisions), strict=False):
                    if isinstance(appended, Commit):
                        self.acknowledged.append(appended)
                    if not isinstance(appended, VersionConflictError):
                        del wanted[int(str(one.command_id))]

    def _decided(self, stream: str | None, command: int, versions: dict[str, int]) -> Decision:
        ids = {"partition": self.partition, "command_id": str(command)}
        if stream is None:
            return refusal(**ids)
        if stream not in versions:
            newest = self.log.newest(self.partition, stream)
            versions[stream] = newest.version or 0 if newest else 0
        versions[stream] += 1
        return decision(stream, versions[stream], **ids)


@dataclass
class Reader:
    """Reads on from where it is, and closes what is missing as soon as it is seen."""

    log: SteppedLog
    partition: int
    seen: list[Commit] = field(default_factory=list)

    def __call__(self, player: Player) -> None:
        self.log.player = player
        gaps = Gaps(self.log, grace_ms=0)
        while True:
            player.pause()
            self.read(gaps)

    def read(self, gaps: Gaps) -> None:
        stretch = self.log.read(self.partition, len(self.seen), 4)
        self.seen += stretch.commits
        if stretch.missing:
            gaps.wait_or_close(self.partition, stretch.missing)


_streams = st.sampled_from(["a", "b", None])
_batches = st.lists(
    st.lists(
        st.tuples(_streams, st.integers(1, 12)),
        min_size=1,
        max_size=3,
        unique_by=lambda c: c[1],
    ),
    min_size=1,
    max_size=3,
)
_turns = st.lists(st.integers(0, WRITERS + READERS - 1), min_size=100, max_size=100)
"""Who is next. Afterwards the writers that are left run to their end, one after the other."""
_deaths = st.lists(st.none() | st.integers(0, 20), min_size=WRITERS, max_size=WRITERS)
"""After how many of its steps a writer is killed, if it is."""


@settings(max_examples=60)
@given(programs=st.lists(_batches, min_size=WRITERS, max_size=WRITERS), turns=_turns, deaths=_deaths)
def test_every_reader_sees_the_same_log(
    make_log: MakesLog,
    programs: list[list[list[tuple[str | None, int]]]],
    turns: list[int],
    deaths: list[int | None],
) -> None:
    partition = next(_partitions)
    writers = [Writer(make_log(), partition, batches) for batches in programs]
    readers = [Reader(make_log(), partition) for _ in range(READERS)]
    writing = [Player(writer, death) for writer, death in zip(writers, deaths, strict=True)]
    reading = [Player(reader) for reader in readers]
    for who in turns:
        [*writing, *reading][who].go_on()
    for player in writing:
        while not player.done:
            player.go_on()
    for player in reading:
        player.kill()

    log = make_log()
    gaps = Gaps(log, grace_ms=0)
    for reader in readers:
        reader.log = log
        while len(reader.seen) < log.head(partition):
            reader.read(gaps)
    acknowledged = [commit for writer in writers for commit in writer.acknowledged]
    assert_sound(log, partition, [reader.seen for reader in readers], acknowledged)
