"""A commit is the same after it has been kept, as BSON and in a database."""

from collections.abc import Mapping
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions
from hypothesis import given
from hypothesis import strategies as st
from pymongo.database import Database

from bus.connections.clients import StoredDocument
from bus.errors import UnknownMessageError
from bus.log.commit import Commit, RecordedEvent
from bus.log.log import Log
from bus.messages.registry import AnyEvent, to_stored
from tests.contract.decisions import committed, decision, refusal
from tests.support import messages
from tests.support.messages import NOW

EVENTS: tuple[AnyEvent, ...] = (
    messages.order_placed(),
    messages.order_confirmed(),
    messages.order_shipped(note="left at the door"),
    messages.customer_renamed(),
    messages.product_repriced(unit_price=10**9),
)
ORDER = decision(
    "order-o1", 3, events=tuple(map(to_stored, EVENTS)), state={"total": 2**40, "placed_at": NOW, "lines": []}
)
KINDS = {
    "commit": ORDER.at_position(7),
    "refusal": refusal(outcome={"status": "rejected", "rejection": {"code": "unknown"}}).at_position(8),
    "tombstone": Commit(partition=0, seq=9),
}
each_kind = pytest.mark.parametrize("commit", KINDS.values(), ids=KINDS)


def kept(commit: Commit) -> Mapping[str, Any]:
    """As BSON has it, which knows one kind of sequence."""
    codec: CodecOptions[Mapping[str, Any]] = CodecOptions(tz_aware=True)
    return bson.decode(bson.encode(commit.to_stored()), codec)


@each_kind
def test_it_survives_bson(commit: Commit) -> None:
    assert kept(Commit.from_stored(kept(commit))) == kept(commit)


@each_kind
def test_what_it_has_not_is_not_stored_since_the_partial_indexes_go_by_that(commit: Commit) -> None:
    everywhere = {"partition", "seq"}
    decided = everywhere | {"command_id", "correlation_id", "at", "by"}
    fields = {
        "commit": decided | {"stream", "version", "events", "state"},
        "refusal": decided | {"outcome"},
        "tombstone": everywhere,
    }
    (kind,) = (name for name, example in KINDS.items() if example is commit)
    assert commit.to_stored().keys() == fields[kind]


@given(
    state=st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_characters="\0")), st.integers(-(2**63), 2**63 - 1)
    ),
    version=st.integers(1, 2**53),
)
def test_any_state_survives(state: dict[str, int], version: int) -> None:
    commit = decision("a", version, state=state, events=()).at_position(version)
    assert Commit.from_stored(kept(commit)) == commit


def test_it_survives_the_database(write_database: Database[StoredDocument]) -> None:
    log = Log(write_database, 1)
    log.create()
    appended = committed(log, ORDER)
    refused = committed(log, refusal())
    log.close([(0, 3)])
    found = log.read(0, 0, 10).commits
    assert [kept(c) for c in found] == [kept(appended), kept(refused), kept(Commit(partition=0, seq=3))]
    assert [r.event for r in found[0].recorded()] == list(EVENTS)


def test_its_events_carry_their_place_in_history() -> None:
    commit = KINDS["commit"]
    assert list(commit.recorded()) == [RecordedEvent(event, "order-o1", 3, 0, 7, NOW) for event in EVENTS]
    assert list(KINDS["refusal"].recorded()) == []
    assert list(KINDS["tombstone"].recorded()) == []


def test_an_unknown_event_harms_only_who_reads_it() -> None:
    unknown = decision(events=({"type": "OrderTeleported", "v": 1, "data": {}},)).at_position(1)
    assert Commit.from_stored(unknown.to_stored()) == unknown
    with pytest.raises(UnknownMessageError):
        list(unknown.recorded())
