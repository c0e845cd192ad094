"""Analytics: orders by period from ``order_analytics``, best sellers from ``product_sales``."""

from typing import cast

import falcon

from api import queries
from api.answers import answer
from api.freshness import Freshness
from api.shapes import BestSellers, OrdersByPeriod
from read_side.projections import order_analytics, product_sales


class OrderAnalytics:
    """``/analytics/orders``."""

    def __init__(self, freshness: Freshness) -> None:
        self._freshness = freshness

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        query = queries.read(req, queries.OrderAnalyticsQuery)
        documents = self._freshness.live(req, order_analytics.ORDER_ANALYTICS.name).documents
        counted = order_analytics.by_period(documents, first=query.first, last=query.last, by=query.by)
        answer(resp, cast("OrdersByPeriod", counted))


class ProductAnalytics:
    """``/analytics/products``."""

    def __init__(self, freshness: Freshness) -> None:
        self._freshness = freshness

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        query = queries.read(req, queries.ProductSalesQuery)
        documents = self._freshness.live(req, product_sales.PRODUCT_SALES.name).documents
        best = product_sales.best_sellers(documents, first=query.first, last=query.last, limit=query.limit)
        answer(resp, cast("BestSellers", best))
