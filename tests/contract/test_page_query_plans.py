"""How MongoDB goes about what the pages and the analytics ask."""

from typing import Any

from pymongo.collection import Collection

from read_side.projections import customers, order_analytics, order_summary, product_sales, products
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.projector import spreads
from read_side.queries.store import CollectionDocuments
from tests.contract.stored_models import fill, forty_orders
from tests.contract.watched_queries import Watched, assert_indexed
from tests.support import messages
from tests.support.messages import PLACED_AT

MANY = 60


def collection(watched: Watched, name: str) -> CollectionDocuments:
    found: Collection[Any] = watched.database[name]
    return CollectionDocuments(found)


def test_pages_by_id_cost_their_length(watched: Watched) -> None:
    added = [messages.product_added(product_id=f"p{n:02}") for n in range(MANY)]
    fill(watched.database, "products", *added)
    registered = [messages.customer_registered(customer_id=f"c{n:02}") for n in range(MANY)]
    fill(watched.database, "customers", *registered)
    watched.forget()
    for page, name, after in ((products.page, "products", "p30"), (customers.page, "customers", "c30")):
        for start in (None, after):
            assert len(page(collection(watched, name), limit=5, after=start).documents) == 5
            assert_indexed(watched, 1, 6)
    assert products.by_id(collection(watched, "products"), "p07") is not None
    assert_indexed(watched, 1, 1)


def test_what_spreads_is_looked_for_beside_what_is_asked_for(watched: Watched) -> None:
    """A shop with many orders: nobody goes through their ids to find that nothing spreads."""
    found = fill(watched.database, "order_summary", *forty_orders())
    watched.forget()
    documents = CollectionDocuments(found, ORDER_SUMMARY)
    assert documents.find_one("o07")
    assert_indexed(watched, 1, 3)
    assert len(order_summary.page(documents, limit=5).documents) == 5
    assert_indexed(watched, 2, 7)
    wanted = order_summary.Filter(customer_id="c1", statuses=("cancelled", "confirmed"))
    assert len(order_summary.page(documents, wanted, limit=5).documents) == 5
    assert_indexed(watched, 2, 9)
    assert spreads.under_way(found, ORDER_SUMMARY, partition=1) == []
    assert_indexed(watched, 1, 1)


def test_analytics_read_only_the_days_asked_for(watched: Watched) -> None:
    """Sums are sorted in memory: one line per period or product, which is what is answered.

    Of sales, all documents of a month are read for any of its days.
    """
    orders = [
        messages.order_placed(
            order_id=f"o{n}", customer_id=f"c{n}", placed_at=PLACED_AT.replace(day=1 + n % 25)
        )
        for n in range(MANY)
    ]
    fill(watched.database, "order_analytics", *orders)
    names = [messages.product_added(product_id=f"p{n}") for n in range(MANY)]
    fill(watched.database, "product_sales", *names, *orders)
    first, last = PLACED_AT.date(), PLACED_AT.replace(day=2).date()
    watched.forget()

    for since, until, share in ((first, last, 2), (None, last, 2), (last, None, 24)):
        per_day = watched.database.order_analytics.count_documents({"day": first.isoformat()}) + 2
        watched.forget()
        assert order_analytics.by_period(collection(watched, "order_analytics"), first=since, last=until)[
            "buckets"
        ]
        assert_indexed(watched, 1, share * per_day + 1, sorts=True)
        assert product_sales.best_sellers(
            collection(watched, "product_sales"), first=since, last=until, limit=2
        )["products"]
        *pieces, (name_used, name_figures) = watched.plans()
        assert len(pieces) == (1 if since and until else 2), "a part of May, and whole months"
        for used, _ in (*pieces, (name_used, name_figures)):
            assert "COLLSCAN" not in used
            assert "IXSCAN" in used
        assert name_figures["totalDocsExamined"] <= 2
