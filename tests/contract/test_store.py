"""The documents of a read model, as its queries see them."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from pymongo import InsertOne, ReplaceOne, UpdateOne
from pymongo.database import Database

from bus.connections.clients import StoredDocument
from bus.log.commit import Commit
from bus.messages.registry import to_stored
from read_side.projections.model import Document
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.projector import spreads
from read_side.queries.store import CollectionDocuments, ReadStore
from tests.support.messages import NOW, SECOND, customer_renamed

LATEST: list[Document] = [
    {"_id": "o1", "status": "pending", "total": 300, "placed_at": NOW, "_pos": 4},
    {"_id": "o2", "status": "shipped", "total": 100, "placed_at": NOW + SECOND, "_pos": 2},
    {"_id": "o3", "status": "pending", "total": 2**40, "placed_at": NOW + SECOND, "_pos": 9},
    {"_id": "o4", "status": "shipped", "total": 50, "placed_at": NOW - SECOND, "_pos": 7},
]


@pytest.fixture
def documents(read_database: Database[StoredDocument]) -> CollectionDocuments:
    """Written in the ways that the projector writes them."""
    collection = read_database["order_summary.g1"]
    collection.bulk_write([InsertOne({**document, "total": 0}) for document in LATEST[:3]])
    written = collection.bulk_write(
        [
            ReplaceOne({"_id": "o1", "_pos": 4}, LATEST[0]),
            ReplaceOne({"_id": "o2", "_pos": 1}, {"moved": "on"}),
            UpdateOne({"_id": "o2"}, {"$set": {"total": 100}}),
            ReplaceOne({"_id": "o3", "_pos": 9}, LATEST[2]),
            InsertOne(dict(LATEST[3])),
        ],
        ordered=False,
    )
    assert (written.inserted_count, written.matched_count) == (1, 3)
    return CollectionDocuments(collection)


def ids(found: list[Document]) -> list[str]:
    return [document["_id"] for document in found]


def test_one_is_found_whole(documents: CollectionDocuments) -> None:
    assert [documents.find_one(key) for key in ("o1", "o2", "o3", "o4")] == LATEST
    assert documents.find_one("o9") is None


def test_who_asks_at_the_same_time_gets_their_own(documents: CollectionDocuments) -> None:
    """However they come together."""
    keys = ["o1", "o9", "o2", "o1", "o4", "o3", "o9"] * 20
    expected = {document["_id"]: document for document in LATEST}
    with ThreadPoolExecutor(8) as callers:
        found = list(callers.map(documents.find_one, keys))
    assert found == [expected.get(key) for key in keys]
    assert documents._several(["o4", "o9", "o1", "o4"]) == [LATEST[3], None, LATEST[0], LATEST[3]]


def test_what_is_on_its_way_is_in_what_is_found(read_database: Database[StoredDocument]) -> None:
    """A rename at 6: it has not come to the first order, has come to the second, and is not the third's."""
    collection = read_database["order_summary.g1"]
    order = {"status": "pending", "customer_id": "c1", "customer_name": "Ann Archer", "placed_at": NOW}
    stored = [
        {**order, "_id": "o1", "_pos": 4},
        {**order, "_id": "o2", "_pos": 6, "customer_name": "Ann Baker"},
        {**order, "_id": "o3", "_pos": 5, "customer_id": "c2", "customer_name": "Bob"},
    ]
    renamed = Commit(
        partition=3,
        seq=6,
        stream="customer-c1",
        version=2,
        at=NOW,
        events=(to_stored(customer_renamed(customer_id="c1", name="Ann Baker")),),
    )
    collection.insert_many([*stored, spreads.to_stored(renamed)])
    documents = CollectionDocuments(collection, ORDER_SUMMARY)
    shown = [{**stored[0], "customer_name": "Ann Baker", "_pos": 6}, *stored[1:]]
    assert [documents.find_one(key) for key in ("o1", "o2", "o3")] == shown
    assert documents._several(["o3", "o9", "o1"]) == [shown[2], None, shown[0]]
    assert documents.find({}, sort=(("_id", 1),), limit=3) == shown
    assert documents.find({"_id": "o1"}, fields=("customer_id",)) == [{"_id": "o1", "customer_id": "c1"}]


def test_all_that_match_are_found(documents: CollectionDocuments) -> None:
    assert sorted(ids(documents.find({}))) == ["o1", "o2", "o3", "o4"]
    assert sorted(ids(documents.find({"status": "shipped"}))) == ["o2", "o4"]
    assert ids(documents.find({"status": "shipped", "placed_at": {"$gt": NOW}})) == ["o2"]
    assert documents.find({"status": "lost"}) == []


def test_they_come_sorted_by_each_key_in_turn(documents: CollectionDocuments) -> None:
    newest_first = documents.find({}, sort=(("placed_at", -1), ("_id", -1)))
    assert newest_first == [LATEST[2], LATEST[1], LATEST[0], LATEST[3]]
    assert ids(documents.find({}, sort=[("placed_at", -1), ("total", 1)])) == ["o2", "o3", "o1", "o4"]


def test_no_more_than_the_limit(documents: CollectionDocuments) -> None:
    by_total = (("total", 1),)
    assert ids(documents.find({}, sort=by_total, limit=3)) == ["o4", "o2", "o1"]
    assert ids(documents.find({"status": "pending"}, sort=by_total, limit=1)) == ["o1"]
    assert len(documents.find({}, limit=0)) == 4
    assert len(documents.find({}, limit=2)) == 2


def test_only_the_fields_asked_for(documents: CollectionDocuments) -> None:
    assert documents.find({"_id": "o1"}, fields=("status", "total", "missing")) == [
        {"_id": "o1", "status": "pending", "total": 300}
    ]


def test_what_a_pipeline_makes_of_them(documents: CollectionDocuments) -> None:
    per_status = documents.aggregate(
        [
            {"$match": {"placed_at": {"$gte": NOW}}},
            {"$group": {"_id": {"status": "$status"}, "gross": {"$sum": "$total"}, "last": {"$max": "$_id"}}},
            {"$sort": {"gross": -1, "_id.status": 1}},
            {"$limit": 2},
        ]
    )
    assert per_status == [
        {"_id": {"status": "pending"}, "gross": 300 + 2**40, "last": "o3"},
        {"_id": {"status": "shipped"}, "gross": 100, "last": "o2"},
    ]
    assert documents.aggregate([{"$match": {"_id": "o9"}}]) == []


def test_the_store_shows_the_live_generation(
    read_database: Database[StoredDocument], documents: CollectionDocuments
) -> None:
    store = ReadStore(read_database)
    assert store.generation("order_summary") == 1
    assert store.live("order_summary").documents.find_one("o1") == LATEST[0]
    read_database.read_models.insert_one({"_id": "order_summary", "live": 2})
    read_database["order_summary.g2"].insert_one({"_id": "o1", "status": "rebuilt"})
    store = ReadStore(read_database)
    assert store.generation("order_summary") == 2
    assert store.live("order_summary").documents.find_one("o1") == {"_id": "o1", "status": "rebuilt"}
