"""Folding one commit into documents: at most once, wholly or not at all, corrected by what is remembered."""

from dataclasses import replace
from typing import Any

import pytest

from bus.errors import UnknownMessageError
from bus.log.commit import Commit, RecordedEvent
from bus.messages.customers import CustomerRenamed
from bus.messages.orders import OrderPlaced
from bus.messages.registry import AnyEvent, to_stored
from read_side.projections.model import Document, Enrichment, ReadModel
from read_side.projector.folding import fold, fold_spread, plan
from tests.support.messages import (
    NOW,
    customer_email_changed,
    customer_registered,
    customer_renamed,
    order_placed,
    product_added,
)


def _commit(*happened: AnyEvent, seq: int = 5, partition: int = 1) -> Commit:
    stored = tuple(to_stored(event) for event in happened)
    return Commit(partition=partition, seq=seq, at=NOW, stream="s", version=1, events=stored)


def _counted(document: Document, recorded: RecordedEvent) -> Document:
    """Says what it was folded with, and fails where it is told to."""
    if document.get("refuses"):
        raise LookupError(document["_id"])
    name = getattr(recorded.event, "customer_name", recorded.event.type)
    return {**document, "seen": [*document.get("seen", ()), name]}


def _touched(event: AnyEvent) -> list[Document]:
    match event:
        case OrderPlaced():
            return [{"_id": line.product_id, "blank": True} for line in event.lines]
        case CustomerRenamed():
            return []
        case _:
            return [{"_id": "all"}]


def _spread(event: AnyEvent) -> Document | None:
    return {"customer": event.customer_id} if isinstance(event, CustomerRenamed) else None


def _remembered(event: AnyEvent) -> str | None:
    return f"memory-{event.customer_id}" if isinstance(event, OrderPlaced) else None


def _correct(event: AnyEvent, memory: Document) -> AnyEvent:
    return event.model_copy(update={"customer_name": memory["name"]})


MODEL = ReadModel(name="counted", version=1, keys=_touched, fold=_counted, spread=_spread)
REMEMBERING = replace(MODEL, enrichment=Enrichment(_remembered, _correct))
SHARED = replace(MODEL, shared=True)


def _fold(model: ReadModel, commit: Commit, documents: dict[str, Document]) -> dict[str, Document]:
    return fold(model, plan(model, commit), documents)


def test_a_plan_names_what_a_commit_touches_and_needs() -> None:
    planned = plan(REMEMBERING, _commit(order_placed(), customer_renamed()))
    assert planned.reads == {"p1", "p2", "memory-c1"}
    assert planned.spreads == ({"customer": "c1"},)
    assert [one.event for one in planned.recorded] == [order_placed(), customer_renamed()]


@pytest.mark.parametrize(
    "commit", [Commit(partition=1, seq=5), Commit(partition=1, seq=5, command_id="k", at=NOW, outcome={})]
)
def test_a_tombstone_and_a_refusal_touch_nothing(commit: Commit) -> None:
    planned = plan(REMEMBERING, commit)
    assert (planned.recorded, planned.reads, planned.spreads) == ((), frozenset(), ())
    assert fold(REMEMBERING, planned, {}) == {}


def test_an_event_that_cannot_be_read_is_no_plan() -> None:
    unknown = {"type": "OrderFrozen", "v": 1, "data": {}}
    with pytest.raises(UnknownMessageError):
        plan(MODEL, replace(_commit(), events=(unknown,)))


def test_a_first_event_folds_into_the_blank_and_leaves_its_position() -> None:
    assert _fold(MODEL, _commit(product_added()), {}) == {
        "all": {"_id": "all", "seen": ["ProductAdded"], "_pos": 5}
    }


def test_a_later_event_folds_into_what_is_there() -> None:
    before = {"all": {"_id": "all", "seen": ["first"], "_pos": 4}}
    assert _fold(MODEL, _commit(product_added()), before) == {
        "all": {"_id": "all", "seen": ["first", "ProductAdded"], "_pos": 5}
    }
    assert before == {"all": {"_id": "all", "seen": ["first"], "_pos": 4}}


@pytest.mark.parametrize("position", [5, 6, 1_000])
def test_what_a_document_has_already_is_not_folded_again(position: int) -> None:
    has_it = {"all": {"_id": "all", "seen": ["first"], "_pos": position}}
    assert _fold(MODEL, _commit(product_added(), customer_registered()), has_it) == {}


def test_of_several_documents_only_those_that_lag_are_folded() -> None:
    """A crash in the middle of a write leaves them like this."""
    ahead = {"p1": {"_id": "p1", "seen": ["Ann Archer"], "_pos": 5}}
    changed = _fold(MODEL, _commit(order_placed()), ahead)
    assert changed == {"p2": {"_id": "p2", "blank": True, "seen": ["Ann Archer"], "_pos": 5}}


def test_all_events_of_a_commit_fold_into_one_document() -> None:
    before = {"all": {"_id": "all", "seen": [], "_pos": 4}}
    commit = _commit(customer_registered(), customer_email_changed())
    expected = {"all": {"_id": "all", "seen": ["CustomerRegistered", "CustomerEmailChanged"], "_pos": 5}}
    assert _fold(MODEL, commit, before) == expected
    assert _fold(MODEL, commit, {}) == expected


def test_a_commit_folds_wholly_or_not_at_all() -> None:
    before = {"p2": {"_id": "p2", "refuses": True, "_pos": 1}}
    with pytest.raises(LookupError):
        _fold(MODEL, _commit(order_placed()), before)
    assert before == {"p2": {"_id": "p2", "refuses": True, "_pos": 1}}


def test_an_event_is_folded_as_the_memory_knows_better() -> None:
    memory = {"memory-c1": {"_id": "memory-c1", "name": "Ann Baker", "_pos": 2}}
    changed = _fold(REMEMBERING, _commit(order_placed()), memory)
    assert {document["seen"][0] for document in changed.values()} == {"Ann Baker"}
    assert changed.keys() == {"p1", "p2"}


def test_without_a_memory_the_event_stands() -> None:
    changed = _fold(REMEMBERING, _commit(order_placed()), {})
    assert {document["seen"][0] for document in changed.values()} == {"Ann Archer"}


def test_what_is_shared_is_kept_per_partition() -> None:
    commit = _commit(product_added(), partition=3)
    assert plan(SHARED, commit).reads == {"all@3"}
    other = {"all@2": {"_id": "all@2", "partition": 2, "seen": ["first"], "_pos": 9}}
    assert _fold(SHARED, commit, other) == {
        "all@3": {"_id": "all@3", "partition": 3, "seen": ["ProductAdded"], "_pos": 5}
    }


def _recorded(*happened: AnyEvent) -> tuple[RecordedEvent, ...]:
    return plan(MODEL, _commit(*happened)).recorded


def test_a_spread_folds_into_all_that_match_and_lag() -> None:
    lagging: list[Document] = [{"_id": each, "customer": "c1", "_pos": 4} for each in ("a", "b")]
    has_it: Document = {"_id": "c", "customer": "c1", "_pos": 5}
    other: Document = {"_id": "d", "customer": "c2", "_pos": 4}
    folded = fold_spread(MODEL, _recorded(customer_renamed()), [*lagging, has_it, other])
    assert folded == [
        {"_id": each, "customer": "c1", "seen": ["CustomerRenamed"], "_pos": 5} for each in ("a", "b")
    ]


def test_a_spread_takes_all_events_that_spread_and_no_others() -> None:
    document: Any = {"_id": "a", "customer": "c1", "_pos": 4}
    recorded = _recorded(customer_renamed(), customer_email_changed(), customer_renamed(name="Cy"))
    [folded] = fold_spread(MODEL, recorded, [document])
    assert folded["seen"] == ["CustomerRenamed"] * 2
    assert fold_spread(MODEL, _recorded(customer_email_changed()), [document]) == []
