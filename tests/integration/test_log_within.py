"""Reading the log within a number of bytes: the same commits, in smaller stretches."""

from collections.abc import Iterator

import pytest

from bus.connections.clients import write_database
from bus.log import view
from bus.log.commit import Decision
from bus.log.log import Log
from bus.settings import Settings
from tests.contract.decisions import committed, decision
from tests.support import messages

MUCH = 2**30
COMMITS = 30
KILOBYTE = 1_000


@pytest.fixture
def log(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    monkeypatch.setattr(view, "RAW_BATCH", 5)
    database = write_database(settings)
    with database.client:
        log = Log(database, 2)
        log.create()
        yield log


def _large(number: int) -> Decision:
    return decision(f"s{number}", 1, by="x" * KILOBYTE)


def test_it_is_what_is_read_otherwise(log: Log) -> None:
    for number in range(COMMITS):
        committed(log, _large(number))
    log.close([(0, COMMITS + 1), (0, COMMITS + 3), (1, 1)])
    for after in (0, 7, COMMITS, COMMITS + 1, COMMITS + 3):
        for limit in (1, 5, 12, 100):
            assert log.read_within(0, after, limit, MUCH) == log.read(0, after, limit, state=False)
    [first, *_] = log.read_within(0, 0, 1, MUCH).commits
    assert first.at == messages.NOW, "its times are read as the others'"


@pytest.mark.parametrize(("most_bytes", "commits"), [(1, 5), (4 * KILOBYTE, 5), (9 * KILOBYTE, 10)])
def test_it_stops_with_the_batch_that_is_enough(log: Log, most_bytes: int, commits: int) -> None:
    for number in range(COMMITS):
        committed(log, _large(number))
    stretch = log.read_within(0, 3, 1_000, most_bytes)
    assert [commit.seq for commit in stretch.commits] == list(range(4, 4 + commits))
    assert stretch.missing == ()
