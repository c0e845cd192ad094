"""A rename that races an order: which of them is first in the log, and which name is shown."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest
from pymongo.database import Database

from bus.connections.clients import StoredDocument
from bus.inbox.inbox import InboxEntry, Related
from bus.log.log import Log
from read_side.audit.audit import audit
from read_side.projections.model import ReadModel
from read_side.projections.order_detail import ORDER_DETAIL
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.projector import catch_up
from tests.integration.sides import ReadSide, WriteSide, order_id, partition
from tests.interleavings.protection import Protection, must, protected_by
from tests.interleavings.stopped import stopped
from tests.support import messages
from write_side.handling import handler

HOME = partition("c1")
O1, O2 = order_id("c1", 1), order_id("c1", 2)
MODELS = (ORDER_SUMMARY, ORDER_DETAIL)

AS_ACCEPTED = "what was accepted first is decided first"
NEW_NAME = "every order is shown under its customer's name"


def _opened(
    database: Database[StoredDocument], read_models: Database[StoredDocument]
) -> tuple[WriteSide, ReadSide]:
    write = WriteSide(database)
    write.create()
    read = ReadSide(write.log, read_models)
    read.create(MODELS)
    for command in (
        messages.register_customer(),
        messages.add_product(),
        messages.add_product(product_id="p2"),
        messages.place_order(order_id=O1),
    ):
        write.do(command)
    return write, read


def _names(read: ReadSide, model: ReadModel) -> dict[str, str]:
    found = read.documents(model)
    return {key: document["customer_name"] for key, document in found.items() if "customer_name" in document}


def _only_own_streams() -> Any:
    """A command waits for those that change its own stream and for no others."""
    related_to = handler._related_to

    def own_streams(entries: Sequence[InboxEntry]) -> Related:
        related = related_to(entries)
        return replace(related, touched=related.changed, changed=frozenset())

    return mock.patch.object(handler, "_related_to", own_streams)


@protected_by(Protection("waiting for who takes facts from it", AS_ACCEPTED, _only_own_streams))
def test_a_rename_that_races_an_order_accepted_before_it(
    database: Database[StoredDocument], read_models: Database[StoredDocument]
) -> None:
    """The order's worker stalls with a position claimed. Who has the rename places the order first.

    The position is closed by a projector meanwhile, so the stalled worker has to go through it all again.
    """
    write, read = _opened(database, read_models)
    placed = write.accept(messages.place_order(order_id=O2))
    renamed = write.accept(messages.change_customer(name="Ann Baker"))
    other = WriteSide(database)
    with stopped(Log, "_insert", lambda: other.handling(placed)) as slow:
        write.handling(renamed)
        read.drain(MODELS)
        slow.go_on()
    first, second = (write.outcome(each).seq for each in (placed, renamed))
    assert first is not None
    assert second is not None
    must(AS_ACCEPTED, first < second, expected=True)
    assert database.commits.count_documents({"command_id": placed.command_id}) == 1
    read.drain(MODELS)
    for model in MODELS:
        must(NEW_NAME, _names(read, model), dict.fromkeys((O1, O2), "Ann Baker"))
    assert audit(write.log, read_models, MODELS) == []


@contextmanager
def _models_without(part: str, instead: object) -> Iterator[None]:
    """Order models of which one part is missing; they are frozen, so it takes some force."""
    parts = {model.name: getattr(model, part) for model in MODELS}
    try:
        for model in MODELS:
            object.__setattr__(model, part, instead)
        yield
    finally:
        for model in MODELS:
            object.__setattr__(model, part, parts[model.name])


@pytest.mark.parametrize(
    ("size", "apart"),
    [(1, False), (1_000, False), (1_000, True)],
    ids=["in batches of one", "in one batch", "with a run between"],
)
@protected_by(
    Protection("the remembered name", NEW_NAME, lambda: _models_without("enrichment", None)),
    Protection("the spread", NEW_NAME, lambda: _models_without("spread", lambda _event: None)),
)
def test_an_order_decided_before_a_rename_and_appended_after_it(
    database: Database[StoredDocument], read_models: Database[StoredDocument], size: int, *, apart: bool
) -> None:
    """So it is after an order that had been given up, and comes through after all."""
    write, read = _opened(database, read_models)
    placed = write.accept(messages.place_order(order_id=O2))
    with stopped(Log, "_claim", lambda: write.handling(placed)) as slow:
        write.rename_out_of_turn("c1", "Ann Baker")
        if apart:
            read.drain(MODELS)
        slow.go_on()
    [late] = write.log.history(HOME, f"order-{O2}")
    assert late.events[0]["data"]["customer_name"] == "Ann Archer"
    with mock.patch.object(catch_up, "BATCH", size):
        read.drain(MODELS)
    for model in MODELS:
        must(NEW_NAME, _names(read, model), dict.fromkeys((O1, O2), "Ann Baker"))
    assert audit(write.log, read_models, MODELS) == []
