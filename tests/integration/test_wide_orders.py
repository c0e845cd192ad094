"""Orders of many lines, and a projector that is behind: batches are bounded in documents and in bytes."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.monitoring import CommandListener, CommandStartedEvent

from bus.connections.clients import CODEC, DURABLE, StoredDocument, read_database
from bus.log.commit import Commit, Decision
from bus.messages.registry import AnyEvent, to_stored
from bus.settings import Settings
from read_side.audit.audit import audit
from read_side.projections import READ_MODELS
from read_side.projections.order_detail import ORDER_DETAIL
from read_side.projections.product_sales import PRODUCT_SALES
from read_side.projector import batch, context, follower
from read_side.projector.checkpoints import Checkpoints
from tests.integration.sides import ReadSide, WriteSide, order_id, partition
from tests.support import messages

HOME = partition("c1")
LINES = 200
MANY = 60
"""Orders; their products are more than one batch may ask for."""


class Sent(CommandListener):
    """How many documents each command asked for by their ids, and wrote."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.written: list[int] = []

    def started(self, event: CommandStartedEvent) -> None:
        match event.command:
            case {"find": _, "filter": {"_id": {"$in": ids}}}:
                self.asked.append(len(ids))
            case {"insert": _, "documents": documents}:
                self.written.append(len(documents))

    def succeeded(self, event: object) -> None:
        pass

    def failed(self, event: object) -> None:
        pass


@pytest.fixture
def write(write: WriteSide) -> WriteSide:
    write.do(messages.register_customer())
    return write


@pytest.fixture
def read(settings: Settings, write: WriteSide) -> Iterator[ReadSide]:
    database = read_database(settings)
    with database.client:
        read = ReadSide(write.log, database)
        read.create()
        yield read


@contextmanager
def _watched(settings: Settings, sent: Sent) -> Iterator[Database[StoredDocument]]:
    with MongoClient[StoredDocument](
        settings.read_mongodb_uri.get_secret_value(), event_listeners=[sent]
    ) as client:
        yield client.get_database(settings.read_database, codec_options=CODEC, write_concern=DURABLE)


def _append(write: WriteSide, stream: str, version: int, event: AnyEvent) -> None:
    decision = Decision(
        partition=HOME,
        command_id=f"{stream}.{version}",
        correlation_id="r",
        at=messages.NOW,
        by="test",
        stream=stream,
        version=version,
        events=(to_stored(event),),
        state={},
    )
    [appended] = write.log.append([decision])
    assert isinstance(appended, Commit)


def _place(write: WriteSide, number: int, lines: int = LINES) -> str:
    """An order of products that no other order has."""
    placed = messages.order_placed()
    products = [f"product-{number}-{line}-".ljust(64, "x") for line in range(lines)]
    [line, *_] = placed.lines
    wide = placed.model_copy(
        update={
            "order_id": order_id("c1", number),
            "lines": tuple(line.model_copy(update={"product_id": product}) for product in products),
        }
    )
    _append(write, f"order-{wide.order_id}", 1, wide)
    return str(wide.order_id)


def _confirm(write: WriteSide, placed: str) -> None:
    _append(write, f"order-{placed}", 2, messages.order_confirmed(order_id=placed))


def test_no_command_asks_for_more_or_writes_more_than_is_allowed(
    settings: Settings, write: WriteSide, read: ReadSide
) -> None:
    for number in range(MANY):
        _place(write, number)
    sent = Sent()
    renew = mock.Mock(side_effect=read.checkpoints.renew)
    with _watched(settings, sent) as database, mock.patch.object(Checkpoints, "renew", renew):
        ReadSide(write.log, database).run(PRODUCT_SALES, HOME)
    assert sum(sent.asked) == sum(sent.written) == MANY * LINES > batch.MOST_DOCUMENTS
    assert max(sent.asked) <= batch.MOST_DOCUMENTS + LINES
    assert max(sent.written) <= batch.WRITE_CHUNK
    assert renew.call_count >= batch.MOST_DOCUMENTS // batch.WRITE_CHUNK, "between the chunks of a write"
    assert read.position(PRODUCT_SALES, HOME) == write.log.head(HOME)
    assert audit(write.log, read.database, [PRODUCT_SALES]) == []


def test_small_commits_are_asked_for_and_written_at_once(
    settings: Settings, write: WriteSide, read: ReadSide
) -> None:
    for number in range(200):
        _place(write, number, lines=3)
    sent = Sent()
    with _watched(settings, sent) as database:
        ReadSide(write.log, database).run(PRODUCT_SALES, HOME)
    assert sent.asked == sent.written == [600]
    assert read.position(PRODUCT_SALES, HOME) == write.log.head(HOME)


def test_documents_that_are_too_many_bytes_are_loaded_in_portions(write: WriteSide, read: ReadSide) -> None:
    placed = [_place(write, number) for number in range(10)]
    read.drain([ORDER_DETAIL])
    for order in placed:
        _confirm(write, order)
    loaded: list[int] = []
    found = batch.Batch._found

    def counted(self: batch.Batch, wanted: frozenset[str], *, is_whole: bool) -> list[dict[str, object]]:
        documents = found(self, wanted, is_whole=is_whole)
        loaded.append(len(documents))
        return documents

    with (
        mock.patch.object(batch, "LOADED_BYTES", 100_000),
        mock.patch.object(batch, "LOAD_CHUNK", 1),
        mock.patch.object(batch.Batch, "_found", counted),
    ):
        read.drain([ORDER_DETAIL])
    assert {document.get("status") for document in read.documents(ORDER_DETAIL).values()} <= {
        "confirmed",
        None,
    }
    assert len(loaded) > 1
    assert max(loaded) < len(placed)
    assert audit(write.log, read.database, [ORDER_DETAIL]) == []


@pytest.mark.parametrize("bound", [1, 3])
def test_in_whatever_portions_the_documents_are_the_fold_of_the_log(
    write: WriteSide, read: ReadSide, bound: int
) -> None:
    for number in range(6):
        placed = _place(write, number, lines=bound)
        if number % 2:
            _confirm(write, placed)
        write.do(messages.change_customer(name=f"Ann {number}"))
        write.do(messages.change_customer(email=f"ann{number}@example.com"))
    with (
        mock.patch.object(follower, "MOST_DOCUMENTS", bound),
        mock.patch.object(batch, "LOADED_BYTES", bound * 100),
        mock.patch.object(batch, "LOAD_CHUNK", 1),
        mock.patch.object(batch, "WRITE_CHUNK", bound),
        mock.patch.object(context, "STRETCH_BYTES", bound * 500),
    ):
        read.drain()
        _confirm(write, _place(write, 10, lines=bound))
        read.drain()
    assert {read.position(model, HOME) for model in READ_MODELS} == {write.log.head(HOME)}
    assert audit(write.log, read.database) == []
