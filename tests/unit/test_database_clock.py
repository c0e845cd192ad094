"""The time is the database's, however wrong this host's clock is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from bus.primitives import database_clock
from bus.primitives.database_clock import DatabaseClock

THEIRS = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Host:
    """A host's monotonic clock, on which each look at the database takes ``round_trip``."""

    passed = timedelta(hours=7)

    def monotonic(self) -> timedelta:
        return self.passed


class Database:
    """Answers from the middle of the round trip; away while ``up`` is not set."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.round_trip = timedelta(0)
        self.up = True
        self.offset = timedelta(0)

    def command(self, _name: str, **_options: Any) -> dict[str, datetime]:
        if not self.up:
            raise AutoReconnect("gone")
        self.host.passed += self.round_trip / 2
        told = THEIRS + self.host.passed - Host.passed + self.offset
        self.host.passed += self.round_trip / 2
        return {"localTime": told}


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host()
    monkeypatch.setattr(database_clock, "_monotonic", host.monotonic)
    return host


@pytest.fixture
def database(host: Host) -> Database:
    return Database(host)


@pytest.fixture
def clock(database: Database) -> DatabaseClock:
    return DatabaseClock(database)  # type: ignore[arg-type]  # it asks no more of it


def test_it_is_as_late_as_over_there_and_goes_on_without_asking(
    host: Host, database: Database, clock: DatabaseClock
) -> None:
    assert clock.now() == THEIRS
    database.up = False
    host.passed += 90 * SECOND
    assert clock.now() == THEIRS + 90 * SECOND


def test_half_of_the_round_trip_is_made_up_for(host: Host, database: Database, clock: DatabaseClock) -> None:
    database.round_trip = SECOND / 5
    assert clock.now() == THEIRS + SECOND / 5


def test_another_primarys_clock_is_followed(database: Database, clock: DatabaseClock) -> None:
    clock.now()
    database.offset = 40 * SECOND
    clock.ask()
    assert clock.now() == THEIRS + 40 * SECOND


def test_an_answer_that_was_long_under_way_replaces_no_better_one(
    host: Host, database: Database, clock: DatabaseClock
) -> None:
    clock.now()
    database.round_trip, database.offset = 10 * SECOND, 3 * SECOND
    clock.ask()
    assert clock.now() == THEIRS + 10 * SECOND


def test_one_that_contradicts_it_does_however_long_it_was_under_way(
    host: Host, database: Database, clock: DatabaseClock
) -> None:
    clock.now()
    database.round_trip, database.offset = 10 * SECOND, -40 * SECOND
    clock.ask()
    assert clock.now() == THEIRS + 10 * SECOND - 40 * SECOND


def test_while_the_database_was_never_reached_the_hosts_clock_has_to_do(
    database: Database, clock: DatabaseClock
) -> None:
    database.up = False
    before = datetime.now(UTC)
    assert before <= clock.now() <= datetime.now(UTC)
    database.up = True
    assert clock.now() == THEIRS
