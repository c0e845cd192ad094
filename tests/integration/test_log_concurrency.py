"""Threads and processes that append at once, some slow and some killed, under readers that close gaps."""

import random
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions
from pymongo.database import Database

from api.local.mongod import Mongod
from bus.connections.clients import UNSETTLED, StoredDocument, write_database
from bus.log.commit import Commit
from bus.log.log import Log
from bus.settings import Settings
from read_side.projector.gaps import Gaps
from tests.contract.decisions import decision
from tests.integration.appender import Appender
from tests.integration.log_readers import assert_sound
from tests.support.databases import DatabaseNames
from tests.support.waiting import until

REPOSITORY = Path(__file__).parents[2]
PATIENCE_S = 60
GRACE_MS = 20
THREADS = 2
PROCESSES = 3
CODEC_OF_ANY: CodecOptions[Mapping[str, Any]] = CodecOptions(tz_aware=True)


@pytest.fixture
def settings(mongo_server: Mongod, mongo_database_names: DatabaseNames) -> Settings:
    return Settings(write_mongodb_uri=mongo_server.uri, write_database=mongo_database_names.write)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database[StoredDocument]]:
    database = write_database(settings)
    with database.client:
        Log(database, 1).create()
        yield database


class SlowLog(Log):
    """Its user is held up between claim and insert, every other time, until the positions were closed."""

    _held_up = False

    def _claim(self, decisions: Any) -> list[Commit]:
        commits = super()._claim(decisions)
        self._held_up = not self._held_up
        if self._held_up:
            where = {"partition": 0, "seq": {"$in": [commit.seq for commit in commits]}}
            until(lambda: self._commits.count_documents(where) == len(commits), PATIENCE_S, "closed holes")
        return commits


def appends(log: Log, name: str, stop: threading.Event) -> list[Commit]:
    """Append until told to stop; return what was acknowledged."""
    append = Appender(log, name)
    acknowledged = []
    while not stop.is_set():
        acknowledged += append()
    return acknowledged


def appends_slowly(database: Database[StoredDocument]) -> list[Commit]:
    """Append some batches, each of whose positions are closed first."""
    append = Appender(SlowLog(database, 1), "slow")
    return [commit for _ in range(5) for commit in append()]


def appends_until_killed(settings: Settings, name: str) -> list[Commit]:
    """Run an appender and ``kill -9`` it after some acknowledgements; return all that it printed."""
    arguments = (settings.write_mongodb_uri.get_secret_value(), settings.write_database, name)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.integration.appender", *arguments],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            printed = [process.stdout.readline() for _ in range(random.Random(name).randint(5, 60))]
        finally:
            process.kill()
        assert all(printed), "it ended by itself"
        printed += process.stdout
    whole = [line.strip() for line in printed if line.endswith("\n")]
    return [Commit.from_stored(bson.decode(bytes.fromhex(line), CODEC_OF_ANY)) for line in whole]


def reads(log: Log, stop: threading.Event) -> list[Commit]:
    """Read on, closing gaps, until told to stop and at the end."""
    gaps = Gaps(log, GRACE_MS)
    seen: list[Commit] = []
    while True:
        last = stop.is_set()
        stretch = log.read(0, len(seen), 50)
        seen += stretch.commits
        if stretch.missing:
            stop.wait(gaps.wait_or_close(0, stretch.missing))
        elif not stretch.commits:
            if last:
                return seen
            stop.wait(GRACE_MS / 1_000)


def close_the_last_claim(database: Database[StoredDocument]) -> None:
    """Let the readers close all that was claimed: what a killed process sent last may still be on its way."""
    claims = database.get_collection("positions", read_concern=UNSETTLED).find_one({"_id": "claimed"})
    assert claims is not None
    Log(database, 1).close([(0, claims["0"])])


def test_every_reader_sees_the_same_log_and_all_that_was_acknowledged(
    database: Database[StoredDocument], settings: Settings
) -> None:
    written, read = threading.Event(), threading.Event()
    with ThreadPoolExecutor(16) as pool:
        readers = [pool.submit(reads, Log(database, 1), read) for _ in range(2)]
        writers = [pool.submit(appends, Log(database, 1), f"t{n}", written) for n in range(THREADS)]
        passing = [pool.submit(appends_until_killed, settings, f"p{n}") for n in range(PROCESSES)]
        passing.append(pool.submit(appends_slowly, database))
        try:
            acknowledged = results(passing)
            written.set()
            acknowledged += results(writers)
            close_the_last_claim(database)
        finally:
            written.set()
            read.set()
        seen = [reader.result(PATIENCE_S) for reader in readers]
    slow = [commit for commit in acknowledged if (commit.command_id or "").startswith("slow")]
    assert slow
    assert_sound(Log(database, 1), 0, seen, acknowledged)


def results(futures: list[Future[list[Commit]]]) -> list[Commit]:
    return [commit for future in futures for commit in future.result(PATIENCE_S)]


def test_no_position_is_claimed_twice(database: Database[StoredDocument]) -> None:
    def claims(_: int) -> list[int]:
        log = Log(database, 1)
        return [commit.seq for _ in range(50) for commit in log._claim([decision("a"), decision("b")])]

    with ThreadPoolExecutor(4) as pool:
        claimed = [seq for seqs in pool.map(claims, range(4)) for seq in seqs]
    assert sorted(claimed) == list(range(1, 401))
