"""Analytics: orders by period from ``order_analytics``, best sellers from ``product_sales``."""

from typing import cast

import falcon

from api.http import queries
from api.http.answers import answer
from api.http.freshness import Freshness
from api.middleware.deferral import Waits
from api.openapi.kinds import listing
from api.openapi.operation import Tag
from api.resources.shapes import BestSellers, OrdersByPeriod
from read_side.projections import order_analytics, product_sales, staleness


class OrderAnalytics:
    """``/analytics/orders``."""

    def __init__(self, freshness: Freshness) -> None:
        self._freshness = freshness

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> Waits[None]:
        query = queries.read(req, queries.OrderAnalyticsQuery)
        live = yield from self._freshness.live(req, order_analytics.ORDER_ANALYTICS.name)
        counted = order_analytics.by_period(live.documents, first=query.first, last=query.last, by=query.by)
        shown = cast("OrdersByPeriod", counted)
        if stale := staleness.of(live.aside, live.aside):
            shown["stale"] = stale
        answer(resp, shown)


class ProductAnalytics:
    """``/analytics/products``."""

    def __init__(self, freshness: Freshness) -> None:
        self._freshness = freshness

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> Waits[None]:
        query = queries.read(req, queries.ProductSalesQuery)
        live = yield from self._freshness.live(req, product_sales.PRODUCT_SALES.name)
        best = product_sales.best_sellers(
            live.documents, first=query.first, last=query.last, limit=query.limit
        )
        shown = cast("BestSellers", best)
        if stale := staleness.of(live.aside, live.aside):
            shown["stale"] = stale
        answer(resp, shown)


OPERATIONS = {
    ("/analytics/orders", "GET"): listing(
        Tag.ANALYTICS,
        "countOrders",
        "Orders by day, month or year of placing",
        queries.OrderAnalyticsQuery,
        OrdersByPeriod,
        problems=(422,),
    ),
    ("/analytics/products", "GET"): listing(
        Tag.ANALYTICS,
        "listBestSellers",
        "Products by what was ordered of them",
        queries.ProductSalesQuery,
        BestSellers,
        problems=(422,),
    ),
}
"""What the API's description says of these routes."""
