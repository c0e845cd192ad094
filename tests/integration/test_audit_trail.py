"""The audit trail on MongoDB: what is recorded when, what a crash leaves, and how reads are counted."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from pymongo import DESCENDING
from pymongo.database import Database
from pymongo.errors import AutoReconnect, PyMongoError
from structlog.testing import capture_logs

from bus.audit_trail.actions import Action
from bus.audit_trail.callers import Caller, Through, over_http
from bus.audit_trail.trail import AuditTrail, TrailEntry
from bus.connections.clients import StoredDocument
from bus.errors import RefusedError
from bus.messages.principal import Principal, Role
from tests.integration.crashes import dying
from tests.support.unwritable_trail import refuse_entries

OLGA = over_http(Principal(role=Role.OPS, subject="olga"), "10.0.0.7")
ROOT = Caller("root@host", Through.COMMAND_LINE, {"system_user": "root", "login_user": None, "host": "host"})
HOUR_S = 3_600


@pytest.fixture
def trail(database: Database[StoredDocument]) -> AuditTrail:
    trail = AuditTrail(database, 400)
    trail.create()
    trail.create()  # as every process does at start
    return trail


def stored(trail: AuditTrail) -> StoredDocument:
    """The one entry."""
    [found] = trail._entries.find()
    return found


def listed(trail: AuditTrail, **options: Any) -> list[str]:
    """Targets, as they are listed."""
    return [entry.target for entry in trail.page(100, **options)[0]]


def test_an_action_is_recorded_before_it_begins_and_with_its_end(trail: AuditTrail) -> None:
    with trail.attempt(OLGA, Action.RETRY_DEAD, {"dead": "$k1"}):
        begun = stored(trail)
    done = stored(trail)
    assert begun == {
        "_id": begun["_id"],
        "at": begun["at"],
        "expires_at": begun["at"] + timedelta(days=400),
        "who": {"name": "ops:olga", "role": "ops", "subject": "olga", "issuer": None},
        "address": "10.0.0.7",
        "through": "http",
        "action": "retry_dead",
        "target": {"dead": "$k1"},
        "outcome": "begun",
    }
    assert done == {**begun, "outcome": "done", "detail": None, "ended_at": done["ended_at"]}
    assert done["ended_at"] >= begun["at"]
    assert trail.page(10) == (
        [TrailEntry(begun["at"], "ops:olga", "10.0.0.7", "http", "retry_dead", "$k1", "done", 1)],
        None,
    )


@pytest.mark.parametrize(
    ("error", "ended"),
    [
        (RefusedError("of ann@example.com"), ("refused", "RefusedError")),
        (RuntimeError("a bug"), ("failed", "RuntimeError: a bug")),
        (ValueError("ann@example.com"), ("failed", "ValueError")),
        (KeyboardInterrupt(), ("failed", "KeyboardInterrupt")),
        (AutoReconnect("no primary"), ("begun", None)),
    ],
)
def test_how_it_ended_is_recorded_and_raised(
    trail: AuditTrail, error: BaseException, ended: tuple[str, str | None]
) -> None:
    with (
        pytest.raises(type(error)),
        trail.attempt(ROOT, Action.DROP_GENERATION, {"generation": "products.g1"}),
    ):
        raise error
    found = stored(trail)
    assert (found["outcome"], found.get("detail")) == ended


def test_a_process_that_is_killed_leaves_what_it_had_begun(
    trail: AuditTrail, database: Database[StoredDocument]
) -> None:
    """The first write is the entry, the second is what is done, and the third one the end."""
    for at, (outcomes, done) in enumerate([([], 0), (["begun"], 0), (["begun"], 1), (["done"], 1)], start=1):
        with dying(database, at, "before"), trail.attempt(OLGA, Action.RETRY_DEAD, {"dead": "k1"}):
            database["commands"].insert_one({})
        found = [entry.outcome for entry in trail.page(10)[0]]
        assert (found, database["commands"].count_documents({})) == (outcomes, done)
        trail._entries.delete_many({})
        database["commands"].delete_many({})


def test_what_cannot_be_recorded_is_not_done(trail: AuditTrail, database: Database[StoredDocument]) -> None:
    refuse_entries(database)
    with pytest.raises(PyMongoError), trail.attempt(OLGA, Action.RETRY_DEAD, {"dead": "k1"}):
        pytest.fail("it was done")
    with pytest.raises(PyMongoError):
        trail.count(OLGA, Action.READ_STORY, {"story_id": "o1"})


def test_an_end_that_cannot_be_recorded_takes_nothing_back(
    trail: AuditTrail, database: Database[StoredDocument]
) -> None:
    with capture_logs() as logged, trail.attempt(OLGA, Action.RETRY_DEAD, {"dead": "k1"}):
        refuse_entries(database)
    assert [line["event"] for line in logged] == ["the end of an action is not recorded"]
    assert logged[0]["entry"] == stored(trail)["_id"]


def test_reads_are_counted_and_not_listed(trail: AuditTrail, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time() // HOUR_S * HOUR_S
    monkeypatch.setattr(time, "time", lambda: now)
    with ThreadPoolExecutor(8) as threads:
        for _ in range(64):
            threads.submit(trail.count, OLGA, Action.READ_STORY, {"story_id": "o1"})
    found = stored(trail)
    assert (found["count"], found["outcome"], found["who"]["name"]) == (64, "done", "ops:olga")
    assert found["at"] <= found["last_at"] < found["expires_at"]

    trail.count(OLGA, Action.READ_STORY, {"story_id": "o2"})
    trail.count(OLGA, Action.READ_DEAD, {"story_id": "o1"})
    trail.count(
        over_http(Principal(role=Role.OPS, subject="olga"), "10.0.0.8"), Action.READ_STORY, {"story_id": "o1"}
    )
    now += HOUR_S - 1
    trail.count(OLGA, Action.READ_STORY, {"story_id": "o1"})
    now += 1
    trail.count(OLGA, Action.READ_STORY, {"story_id": "o1"})
    assert [entry.count for entry in trail.page(10)[0]] == [1, 1, 1, 1, 65]
    assert stored_at(trail, 65) == found["at"], "it keeps its place in the list"


def stored_at(trail: AuditTrail, count: int) -> datetime:
    [entry] = [entry for entry in trail.page(10)[0] if entry.count == count]
    return entry.at


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_each_entry_is_on_one_page_the_newest_first(trail: AuditTrail, limit: int) -> None:
    for number in range(7):
        with trail.attempt(OLGA if number % 2 else ROOT, Action.RETRY_DEAD, {"dead": f"k{number}"}):
            pass
    trail._entries.update_many(
        {"target.dead": {"$in": ["k2", "k3", "k4"]}}, [{"$set": {"at": "$expires_at"}}]
    )
    trail._entries.update_many(
        {"target.dead": {"$in": ["k2", "k3"]}}, {"$set": {"at": stored_times(trail)[0]}}
    )
    expected = listed(trail)
    assert len(set(expected)) == 7

    seen: list[str] = []
    after = None
    while True:
        entries, after = trail.page(limit, after=after)
        seen += [entry.target for entry in entries]
        if after is None:
            break
    assert seen == expected


def stored_times(trail: AuditTrail) -> list[datetime]:
    return [entry.at for entry in trail.page(100)[0]]


def test_the_list_can_be_narrowed(trail: AuditTrail) -> None:
    with trail.attempt(OLGA, Action.RETRY_DEAD, {"dead": "k1"}):
        pass
    with trail.attempt(ROOT, Action.RETRY_PARKED, {"generation": "products.g1", "stream": "product-p1"}):
        pass
    trail.count(OLGA, Action.READ_DEAD, {})
    assert listed(trail, who="ops:olga") == ["", "k1"]
    assert listed(trail, action=Action.RETRY_PARKED) == ["products.g1 product-p1"]
    assert listed(trail, who="ops:olga", action=Action.RETRY_PARKED) == []
    newest, *_, oldest = stored_times(trail)
    assert len(listed(trail, since=oldest)) == 3
    assert listed(trail, since=newest + timedelta(milliseconds=1)) == []


@pytest.mark.parametrize("who", [None, "ops:olga"])
def test_a_page_is_read_from_an_index_in_order(trail: AuditTrail, who: str | None) -> None:
    with mock.patch.object(trail._entries, "find", wraps=trail._entries.find) as find:
        trail.page(10, who=who)
    order = [("at", DESCENDING), ("_id", DESCENDING)]
    plan = str(trail._entries.find(*find.call_args.args).sort(order).explain()["queryPlanner"]["winningPlan"])
    assert "IXSCAN" in plan
    assert "'SORT'" not in plan


def test_entries_expire_unless_they_are_kept_for_ever(
    trail: AuditTrail, database: Database[StoredDocument]
) -> None:
    indexes = database["audit"].index_information()
    assert {name: index.get("expireAfterSeconds") for name, index in indexes.items()}["expires_at_1"] == 0
    for_ever = AuditTrail(database, 0)
    with for_ever.attempt(OLGA, Action.RETRY_DEAD, {"dead": "k1"}):
        pass
    for_ever.count(OLGA, Action.READ_DEAD, {})
    assert database["audit"].count_documents({"expires_at": {"$exists": True}}) == 0


def test_a_long_id_is_cut(trail: AuditTrail) -> None:
    trail.count(OLGA, Action.READ_STORY, {"story_id": "x" * 5_000})
    assert listed(trail) == ["x" * 256]
