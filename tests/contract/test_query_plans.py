"""Queries are answered from the indexes that their models declare: a page costs its length and no more."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from pymongo.collection import Collection
from pymongo.database import Database

from api.local.mongod import Mongod
from bus.connections.clients import mongo_client
from read_side.projections import order_analytics, order_summary, product_sales
from read_side.projections.model import Document, Sort
from read_side.projections.order_summary import Filter
from read_side.queries.store import CollectionDocuments
from tests.contract.stored_models import fill, forty_among_many
from tests.support import messages
from tests.support.databases import DatabaseNames
from tests.support.messages import PLACED_AT, SECOND

EARLIER, LATER = PLACED_AT + SECOND, PLACED_AT + 8 * SECOND


@pytest.fixture
def database(mongo_server: Mongod, mongo_database_names: DatabaseNames) -> Iterator[Database[dict[str, Any]]]:
    with mongo_client(mongo_server.uri) as client:
        yield client[mongo_database_names.read]


class Explained(CollectionDocuments):
    """Keeps how the database goes about each query."""

    def __init__(self, collection: Collection[Document]) -> None:
        super().__init__(collection)
        self._explained = collection
        self.plans: list[dict[str, Any]] = []

    def find(
        self, where: Mapping[str, Any], *, sort: Sort = (), limit: int = 0, fields: Sequence[str] = ()
    ) -> list[Document]:
        cursor = self._explained.find(where).limit(limit)
        self.plans.append((cursor.sort(list(sort)) if sort else cursor).explain())
        return super().find(where, sort=sort, limit=limit, fields=fields)

    def aggregate(self, pipeline: Sequence[Mapping[str, Any]]) -> list[Document]:
        command = {"aggregate": self._explained.name, "pipeline": list(pipeline), "cursor": {}}
        self.plans.append(self._explained.database.command("explain", command))
        return super().aggregate(pipeline)


def stages(plan: Any) -> Iterator[str]:
    """The names of all stages, wherever this version of the server puts them."""
    if isinstance(plan, Mapping):
        if isinstance(plan.get("stage"), str):
            yield plan["stage"]
        for name, part in plan.items():
            if name != "rejectedPlans":
                yield from stages(part)
    elif isinstance(plan, list):
        for part in plan:
            yield from stages(part)


@pytest.mark.parametrize("span", [{}, {"last": LATER}, {"first": EARLIER, "last": LATER}], ids=len)
@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"customer_id": "c1"},
        {"statuses": ("confirmed",)},
        {"statuses": ("cancelled", "confirmed", "shipped")},
        {"customer_id": "c1", "statuses": ("confirmed",)},
        {"customer_id": "c1", "statuses": ("cancelled", "confirmed")},
        {"reference": "PO 1"},
    ],
    ids="+".join,
)
def test_a_page_of_orders_is_read_from_one_index_in_its_order(
    database: Database[dict[str, Any]], filters: dict[str, Any], span: dict[str, Any]
) -> None:
    """Of several statuses, each is read in that order, and they are merged."""
    store, wanted = Explained(forty_among_many(database)), Filter(**filters, **span)
    limit, ties, reads = 3, 4, max(1, len(wanted.statuses))
    first = order_summary.page(store, wanted, limit=limit)
    assert order_summary.page(store, wanted, limit=limit, after=first.next_after).documents
    assert len(store.plans) == 2
    for plan in store.plans:
        used = list(stages(plan["queryPlanner"]["winningPlan"]))
        assert used.count("IXSCAN") == reads
        assert used.count("SORT_MERGE") == (reads > 1)
        assert not {"SORT", "COLLSCAN"} & set(used)
        assert plan["executionStats"]["totalKeysExamined"] <= limit + 1 + ties + 2 * (reads - 1)


@pytest.mark.parametrize(
    "more",
    [{"customer_id": "c1"}, {"statuses": ("confirmed",)}, {"statuses": ("confirmed", "pending")}],
    ids="+".join,
)
def test_a_reference_with_more_reads_no_more_orders_than_have_it(
    database: Database[dict[str, Any]], more: dict[str, Any]
) -> None:
    store = Explained(forty_among_many(database))
    assert order_summary.page(store, Filter(reference="PO 1", **more), limit=20).documents
    [plan] = store.plans
    used = list(stages(plan["queryPlanner"]["winningPlan"]))
    assert used.count("IXSCAN") == 1
    assert not {"SORT", "COLLSCAN"} & set(used)
    assert plan["executionStats"]["totalKeysExamined"] <= 40 // 5 + 1


def test_an_order_without_a_reference_is_not_in_the_index_of_those(
    database: Database[dict[str, Any]],
) -> None:
    found = forty_among_many(database)
    [index] = [name for name in found.index_information() if name.startswith("reference")]
    kept = database.command("validate", "order_summary")["keysPerIndex"]
    assert kept[index] == 2 * 40 // 5


def test_days_and_names_are_found_by_index(database: Database[dict[str, Any]]) -> None:
    orders = [messages.order_placed(order_id=f"o{n}", customer_id=f"c{n}") for n in range(20)]
    sales = Explained(fill(database, "product_sales", messages.product_added(), *orders))
    day = messages.PLACED_AT.date()
    assert product_sales.best_sellers(sales, first=day, last=day, limit=2)["products"]
    analytics = Explained(fill(database, "order_analytics", *orders))
    assert order_analytics.by_period(analytics, first=day)["buckets"]
    plans = [*sales.plans, *analytics.plans]
    assert len(plans) == 3
    for plan in plans:
        used = set(stages(plan))
        assert "IXSCAN" in used
        assert "COLLSCAN" not in used
    assert sales.plans[1]["executionStats"]["totalDocsExamined"] == 1, "one name is there to be read"
