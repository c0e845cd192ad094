"""Analytics: orders by period from ``order_analytics``, best sellers from ``product_sales``.

After a change of ``SHOP_TIME_ZONE`` the documents count the days of the old zone until the models
are rebuilt. Until then every answer names the old zone. If another version of the code has counted
the documents, they are laid out otherwise, and sums over them would be wrong. If there are only
such documents, the answer is 503.
"""

from datetime import UTC, tzinfo
from http import HTTPStatus
from typing import Any, cast

import falcon

from api.http import queries
from api.http.answers import answer
from api.http.freshness import Freshness
from api.http.problems import Problem, ProblemError
from api.middleware.deferral import Waits
from api.openapi.kinds import listing
from api.openapi.operation import Tag
from api.resources.shapes import BestSellers, OrdersByPeriod
from read_side.projections import order_analytics, product_sales, staleness
from read_side.projections.model import ReadModel
from read_side.queries.store import LiveGeneration

REBUILD_S = 60
"""The ``Retry-After`` in seconds: a rebuild takes minutes, and somebody has to begin it."""


class OrderAnalyticsResource:
    """``/analytics/orders``."""

    def __init__(self, freshness: Freshness, zone: tzinfo = UTC) -> None:
        """``zone`` is the shop's; an answer names its zone if it counts the days of another one."""
        self._freshness = freshness
        self._zone = zone

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> Waits[None]:
        query = queries.read(req, queries.OrderAnalyticsQuery)
        live = yield from self._freshness.live(req, order_analytics.ORDER_ANALYTICS.name)
        other_zone = _other_zone(live, order_analytics.ORDER_ANALYTICS, self._zone)
        counted = order_analytics.by_period(live.documents, first=query.first, last=query.last, by=query.by)
        shown = cast("OrdersByPeriod", counted | other_zone)
        if stale := staleness.of(live.parked_since, live.parked_since):
            shown["stale"] = stale
        answer(resp, shown)


class ProductAnalyticsResource:
    """``/analytics/products``."""

    def __init__(self, freshness: Freshness, zone: tzinfo = UTC) -> None:
        """``zone`` is the shop's; an answer names its zone if it counts the days of another one."""
        self._freshness = freshness
        self._zone = zone

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> Waits[None]:
        query = queries.read(req, queries.ProductSalesQuery)
        live = yield from self._freshness.live(req, product_sales.PRODUCT_SALES.name)
        other_zone = _other_zone(live, product_sales.PRODUCT_SALES, self._zone)
        best = product_sales.best_sellers(
            live.documents, first=query.first, last=query.last, limit=query.limit
        )
        shown = cast("BestSellers", best | other_zone)
        if stale := staleness.of(live.parked_since, live.parked_since):
            shown["stale"] = stale
        answer(resp, shown)


def _other_zone(live: LiveGeneration, model: ReadModel, zone: tzinfo) -> dict[str, Any]:
    """Return ``time_zone`` if the documents count the days of another zone than the shop's.

    Raises:
        ProblemError: 503, another version of the code has counted them.

    """
    if not live.current:
        detail = f"{model.name} was counted by another version of this service, and is to be rebuilt."
        problem = Problem(HTTPStatus.SERVICE_UNAVAILABLE, "read-model-behind", detail)
        raise ProblemError(problem, {"Retry-After": str(REBUILD_S)})
    counted = (live.model or model).time_zone
    return {} if counted == str(zone) else {"time_zone": counted}


OPERATIONS = {
    ("/analytics/orders", "GET"): listing(
        Tag.ANALYTICS,
        "countOrders",
        "Orders by day, week, month, quarter or year of placing",
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
"""The API's description of these routes."""
