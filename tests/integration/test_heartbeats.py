"""Heartbeats: who lives is seen, who stopped is gone, who was killed is silent."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr
from pymongo.database import Database
from structlog.testing import capture_logs

from bus.connections.clients import write_database
from bus.observability import heartbeat_thread
from bus.observability.heartbeat_thread import HeartbeatThread
from bus.observability.heartbeats import FORGOTTEN_S, Heartbeat, alive
from bus.observability.metric_slots import Slots
from bus.observability.metrics import HOLES_CLOSED, Metrics
from bus.settings import Settings
from bus.version import VERSION
from tests.support.waiting import until

PATIENCE_S = 20
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def test_who_lives_is_counted_by_kind(database: Database[dict[str, Any]]) -> None:
    assert alive(database) == {}
    beating = [Heartbeat(database, kind) for kind in ("commands", "commands", "clock")]
    for heartbeat in (*beating, *beating):
        heartbeat.beat()

    assert alive(database) == {"commands": 2, "clock": 1}

    beating[0].end()
    assert alive(database) == {"commands": 1, "clock": 1}


def test_a_heartbeat_says_who_and_since_when(database: Database[dict[str, Any]]) -> None:
    heartbeat = Heartbeat(database, "clock")
    heartbeat.beat()
    first = database["workers"].find_one()
    heartbeat.beat()
    second = database["workers"].find_one()

    assert first is not None
    assert second is not None
    assert first.keys() == {"_id", "kind", "host", "pid", "version", "started_at", "seen_at"}
    assert (first["kind"], first["version"]) == ("clock", VERSION)
    assert first["started_at"] == second["started_at"]
    assert second["seen_at"] >= first["seen_at"] >= first["started_at"]


def test_silence_is_seen_and_forgotten_later(database: Database[dict[str, Any]]) -> None:
    """Time is mongod's: a worker's own clock is not asked."""
    Heartbeat(database, "clock").beat()
    database["workers"].update_many({}, {"$set": {"seen_at": LONG_AGO}})

    assert alive(database) == {}
    index = database["workers"].index_information()["forgotten"]
    assert (index["key"], index["expireAfterSeconds"]) == ([("seen_at", 1)], FORGOTTEN_S)


def test_a_pulse_tells_of_life_and_counts_until_it_stops(
    database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat_thread, "BEAT_S", 0.05)
    for bound in ("BEAT_LIMIT_S", "LAST_BEAT_LIMIT_S", "STOP_S"):
        monkeypatch.setattr(heartbeat_thread, bound, PATIENCE_S)  # a stop gives up what takes longer
    metrics = Metrics()
    heartbeats = HeartbeatThread.of(database, "commands", metrics)
    heartbeats.start()
    try:
        until(lambda: alive(database).get("commands"), PATIENCE_S, "a heartbeat")
        metrics.count(HOLES_CLOSED, by=3)
        until(lambda: Slots(database).total(), PATIENCE_S, "the counts")
        metrics.count(HOLES_CLOSED)
    finally:
        heartbeats.stop()

    assert not heartbeats.thread.is_alive()
    assert alive(database) == {}
    assert Slots(database).total()[HOLES_CLOSED.name, ()] == [4], "the last counts are told when it stops"
    assert [slot["owner"] for slot in database["metrics"].find()] == [None]


def test_heartbeats_ride_out_a_lost_mongodb(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat_thread, "BEAT_S", 0.01)
    monkeypatch.setattr(heartbeat_thread, "BEAT_LIMIT_S", 0.05)
    nowhere = write_database(
        settings.model_copy(update={"write_mongodb_uri": SecretStr("mongodb://127.0.0.1:1")})
    )
    beats = 0

    class Counted(Heartbeat):
        def beat(self) -> None:
            nonlocal beats
            beats += 1
            super().beat()

    with nowhere.client, capture_logs() as logged:
        heartbeats = HeartbeatThread(Counted(nowhere, "clock"))
        heartbeats.start()
        try:
            until(lambda: beats > 3, PATIENCE_S, "several tries")
            assert heartbeats.thread.is_alive()
        finally:
            heartbeats.stop()
        until(lambda: not heartbeats.thread.is_alive(), PATIENCE_S, "the end of the last try")

    assert [line["event"] for line in logged] == ["no heartbeat while MongoDB is away"]
