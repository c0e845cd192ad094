"""What mongomock 4.3 does differently from mongod, as far as the log, the inbox and the read store notice.

``database`` gives one that behaves as they need; the suites of this folder hold it to that. A session is
``None``: there is one server, which shows everything at once. Not made up
for, because nothing here uses them there: ``$$NOW``, the ``hello`` command, transactions, atomicity under
threads. What mongomock already does as mongod: ``Timestamp(0, 0)`` becomes a growing timestamp when it is
inserted (in sub-documents too, where mongod keeps it).
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import mongomock
import pytest
from bson import Timestamp
from mongomock import filtering
from mongomock.collection import BulkOperationBuilder, Collection
from pymongo import IndexModel
from pymongo.database import Database
from pymongo.errors import BulkWriteError, DuplicateKeyError

from bus.connections.clients import CODEC, DUPLICATE_KEY, StoredDocument


def database(name: str, monkeypatch: pytest.MonkeyPatch) -> Database[StoredDocument]:
    """An empty database in memory, corrected until the test is over."""
    monkeypatch.setattr(mongomock.MongoClient, "start_session", lambda _, **__: nullcontext())
    monkeypatch.setattr(Collection, "create_indexes", _create_indexes)
    monkeypatch.setattr(Collection, "_ensure_uniques", _ensure_uniques)
    monkeypatch.setattr(Collection, "insert_many", _insert_many)
    for method in ("add_update", "add_replace"):
        unsorted = getattr(BulkOperationBuilder, method)
        monkeypatch.setattr(BulkOperationBuilder, method, _without_sort(unsorted))
    monkeypatch.setattr(filtering, "_get_compare_type", _with_timestamps(filtering._get_compare_type))
    made: Database[StoredDocument] = mongomock.MongoClient().get_database(name, codec_options=CODEC)
    return made


def _create_indexes(collection: Any, indexes: Sequence[IndexModel]) -> list[str]:
    """Mongomock's own forgets partial filters, and finds duplicates where an index is made a second time."""
    names = [index.document["name"] for index in indexes]
    for index in indexes:
        options = dict(index.document)
        if options["name"] not in collection.index_information():
            collection.create_index(list(options.pop("key").items()), **options)
    return names


def _ensure_uniques(collection: Any, inserted: Mapping[str, Any]) -> None:
    """Mongomock's own does not say in ``keyPattern`` which index is violated.

    The document has been stored already, so it finds itself. Top-level fields only.
    """
    for index in collection.index_information().values():
        if not index.get("unique"):
            continue
        keys = dict(index["key"])
        same = {field: inserted.get(field) for field in keys}
        only = index.get("partialFilterExpression", {})
        if collection.count_documents({"$and": [only, same]}) > 1:
            raise DuplicateKeyError("E11000 duplicate key error", DUPLICATE_KEY, {"keyPattern": keys})


def _insert_many(
    collection: Any,
    documents: Sequence[Any],
    ordered: bool = True,  # noqa: FBT001, FBT002 - as pymongo
    session: None = None,
) -> None:
    """Mongomock's own drops each error's ``keyPattern`` and says nothing of ``writeConcernErrors``."""
    errors = []
    for place, document in enumerate(documents):
        try:
            collection.insert_one(document)
        except DuplicateKeyError as error:
            violated = (error.details or {"keyPattern": {"_id": 1}})["keyPattern"]
            errors.append({"index": place, "code": error.code, "op": document, "keyPattern": violated})
            if ordered:
                break
    if errors:
        raise BulkWriteError({"writeErrors": errors, "writeConcernErrors": []})


def _without_sort(add: Callable[..., None]) -> Callable[..., None]:
    """From 4.11 on, pymongo passes a ``sort`` with each update, which mongomock does not know."""

    def added(builder: Any, *arguments: Any, sort: object = None, **options: Any) -> None:
        if sort is not None:
            raise TypeError("mongomock knows no sort in an update")
        add(builder, *arguments, **options)

    return added


def _with_timestamps(rank: Callable[[Any], int]) -> Callable[[Any], int]:
    """Mongomock cannot compare timestamps. Like mongod, rank them between dates and regular expressions."""
    return lambda value: 47 if isinstance(value, Timestamp) else rank(value)
