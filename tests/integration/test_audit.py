"""The audit finds what is not as the log says, and nothing else, whatever is going on meanwhile."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from bus.connections.clients import read_database
from bus.messages.values import OrderStatus
from bus.settings import Settings
from read_side.__main__ import app as read_side_app
from read_side.audit import audit as audits
from read_side.audit.audit import ABSENT, DocumentDifference, audit
from read_side.projections.order_summary import ORDER_SUMMARY
from tests.integration.crashes import dying
from tests.integration.sides import PARTITIONS, ReadSide, WriteSide, order_id, partition
from tests.support import messages
from tests.support.waiting import until
from write_side.__main__ import app as write_side_app

HOME = partition("c1")
O1 = order_id("c1")
PATIENCE_S = 30


@pytest.fixture
def write(write: WriteSide) -> WriteSide:
    write.do(messages.register_customer())
    write.do(messages.add_product())
    write.do(messages.add_product(product_id="p2", unit_price=450))
    write.do(messages.place_order(order_id=O1))
    return write


@pytest.fixture
def read(settings: Settings, write: WriteSide) -> Iterator[ReadSide]:
    """Caught up with what is in the log."""
    database = read_database(settings)
    read = ReadSide(write.log, database)
    read.create()
    read.drain()
    yield read
    database.client.close()


def _audit(write: WriteSide, read: ReadSide, **options: Any) -> list[tuple[str, str, str | None]]:
    found = audit(write.log, read.database, **options)
    return [(one.read_model, one.document, one.field) for one in found]


def _collection(read: ReadSide, name: str) -> Any:
    return read.registry.collection(name, 1)


def test_a_field_that_differs_is_named_with_both_values(write: WriteSide, read: ReadSide) -> None:
    _collection(read, "order_summary").update_one({"_id": O1}, {"$set": {"total": 1, "extra": True}})
    assert audit(write.log, read.database) == [
        DocumentDifference("order_summary", 1, O1, "extra", expected=ABSENT, found=True),
        DocumentDifference("order_summary", 1, O1, "total", expected=6350, found=1),
    ]


@pytest.mark.parametrize(
    ("name", "document", "change"),
    [
        ("order_detail", O1, {"items.0.quantity": 3}),
        ("order_detail", "customer-c1", {"known_as": "Eve"}),
        ("customers", "c1", {"spent.EUR": 0}),
        ("products", "p1", {"_pos": 0}),
        ("order_analytics", f"2024-05-02/EUR@{HOME}", {"by_status.pending": 2}),
        ("product_sales", f"2024-05/p1/EUR@{HOME}", {"partition": 1 - HOME}),
    ],
)
def test_every_model_is_audited(
    write: WriteSide, read: ReadSide, name: str, document: str, change: dict[str, Any]
) -> None:
    assert _collection(read, name).update_one({"_id": document}, {"$set": change}).modified_count
    [field] = (path.partition(".")[0] for path in change)
    assert _audit(write, read) == [(name, document, field)]


def test_missing_and_surplus_documents_are_found(write: WriteSide, read: ReadSide) -> None:
    products = _collection(read, "products")
    products.delete_one({"_id": "p1"})
    products.insert_one({"_id": "p9", "_pos": 1})
    products.insert_one({"_id": "p8", "_pos": 1_000})
    found = audit(write.log, read.database)
    assert [(d.document, d.field, d.expected, d.found) for d in found] == [
        ("p1", None, "(present)", ABSENT),
        ("p8", None, ABSENT, "(present)"),
        ("p9", None, ABSENT, "(present)"),
    ]


def test_documents_beyond_the_checkpoint_are_compared_where_they_stand(
    write: WriteSide, read: ReadSide
) -> None:
    """As a projector leaves them that died between the documents and the checkpoint, and while it works."""
    write.do(messages.change_order_status(order_id=O1))
    write.do(messages.place_order(order_id=order_id("c1", 2)))
    with dying(read.database, 3, "before") as death:
        read.run(ORDER_SUMMARY, HOME)
    assert death.written[1:] == ["order_summary.g1.bulk_write", "checkpoints.update_one"]
    write.do(messages.change_order_status(OrderStatus.SHIPPED, order_id=O1))
    assert audit(write.log, read.database) == []
    summaries = _collection(read, "order_summary")
    summaries.update_one(
        {"_id": O1}, {"$set": {"status": "shipped"}}
    )  # which it will be, but not at its _pos
    summaries.update_one({"_id": order_id("c1", 2)}, {"$set": {"total": 0}})
    assert _audit(write, read) == [
        ("order_summary", O1, "status"),
        ("order_summary", order_id("c1", 2), "total"),
    ]


def test_a_model_that_has_read_nothing_has_nothing_to_show(write: WriteSide, read: ReadSide) -> None:
    read.database.checkpoints.update_many({"name": "products"}, {"$set": {"position": 0}})
    assert audit(write.log, read.database) == []  # the documents are ahead of it, and right
    _collection(read, "products").delete_many({})
    assert audit(write.log, read.database) == []


def test_nothing_has_to_stand_still(
    write: WriteSide, read: ReadSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audits, "CHUNK", 2)
    done = threading.Event()
    audited: list[list[DocumentDifference]] = []

    def project() -> None:
        other = ReadSide(write.log, read.database)
        while not done.is_set():
            other.drain()

    def shop() -> None:
        try:
            for number in range(2, 32):
                write.do(messages.place_order(order_id=order_id("c1", number)))
                write.do(messages.change_customer(name=f"Ann {number}"))
                write.do(messages.add_product(product_id=f"q{number}"))
                if number == 16:  # else all could be done before the first audit begins
                    until(lambda: audited, PATIENCE_S, "an audit")
        finally:
            done.set()

    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(project), pool.submit(shop)]
        while not done.is_set():
            audited.append(audit(write.log, read.database))
        for each in running:
            each.result()
    assert audited
    assert all(found == [] for found in audited), next(found for found in audited if found)


def test_a_sample_finds_what_is_wrong_in_it(write: WriteSide, read: ReadSide) -> None:
    for collection in ("order_summary", "products"):
        _collection(read, collection).update_many({}, {"$set": {"wrong": True}})
    counts = {len(audit(write.log, read.database, sample=1)) for _ in range(40)}
    in_partition = [len(audit(write.log, read.database, sample=100)) for _ in range(20)]
    assert counts <= {0, 1, 2}
    assert max(counts) > 0
    assert max(in_partition) > 1


def _command_line(settings: Settings, app: typer.Typer, *options: str) -> tuple[int, str]:
    environment = {
        "WRITE_MONGODB_URI": settings.write_mongodb_uri.get_secret_value(),
        "WRITE_DATABASE": settings.write_database,
        "READ_MONGODB_URI": settings.read_mongodb_uri.get_secret_value(),
        "READ_DATABASE": settings.read_database,
        "LOG_PARTITIONS": str(PARTITIONS),
    }
    done = CliRunner().invoke(app, ["audit", *options], env=environment)
    return done.exit_code, done.stdout


def test_on_the_command_line(settings: Settings, write: WriteSide, read: ReadSide) -> None:
    for app in (read_side_app, write_side_app):
        status, shown = _command_line(settings, app)
        assert status == 0, shown
    _collection(read, "order_summary").update_one({"_id": O1}, {"$set": {"total": 1}})
    write.database.commits.update_one({"stream": "product-p1"}, {"$set": {"state.name": "Pot"}})
    status, shown = _command_line(settings, read_side_app)
    assert status == 1
    assert f"order_summary: {O1} total: expected 6350, found 1" in shown
    status, shown = _command_line(settings, write_side_app)
    assert status == 1
    assert "product-p1 version 1: state.name: expected Teapot, found Pot" in shown
    for app, expected in (
        (read_side_app, ("total", 6350, 1)),
        (write_side_app, ("state.name", "Teapot", "Pot")),
    ):
        status, shown = _command_line(settings, app, "--json")
        assert status == 1
        field, right, wrong = map(json.dumps, expected)
        assert f'"field": {field}, "expected": {right}, "found": {wrong}' in shown


def test_a_wrong_state_is_a_difference_for_whoever_audits_everything(
    settings: Settings, write: WriteSide, read: ReadSide
) -> None:
    write.database.commits.update_one({"stream": "product-p1"}, {"$set": {"state.name": "Pot"}})
    status, shown = _command_line(settings, read_side_app)
    assert status == 1
    assert "states: product-p1 version 1 state.name: expected Teapot, found Pot" in shown
    status, shown = _command_line(settings, read_side_app, "--json")
    assert status == 1
    assert json.loads(shown)[-1]["differences"][0]["field"] == "state.name"
    assert _command_line(settings, read_side_app, "products")[0] == 0, "a read model that is named is all"
