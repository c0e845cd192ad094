"""The HTTP API as one WSGI application: every route, and who may use it, on one screen.

The API validates shapes, authenticates, keeps commands in the inbox and puts them on the queue, and answers
queries from the read collections. It holds no business rule.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import falcon

from api.access import (
    ANYONE,
    CUSTOMER_AND_STAFF,
    EVERY_ROLE,
    OPS_ONLY,
    STAFF_AND_OPS,
    STAFF_ONLY,
    Access,
    Route,
    Router,
)
from api.analytics import OrderAnalytics, ProductAnalytics
from api.auth import Verifier
from api.circuit import Circuit
from api.command_status import CommandStatus
from api.commands import Commands
from api.correlation import Correlation
from api.customers import Customer, Customers
from api.error_handlers import HANDLERS
from api.events import Events
from api.freshness import Freshness
from api.health import Live, Probe, Ready
from api.metrics import Exposition, Metrics
from api.negotiation import Negotiation
from api.openapi import operations
from api.openapi.page import Description
from api.ops.dead import DeadOne, DeadOnes, Discard, Retry
from api.ops.desk import Desk
from api.ops.flow import FlowSnapshot
from api.ops.parked import ParkedStreams, RetryParked
from api.ops.queues import QueuesNow
from api.ops.read_models import ReadModels
from api.ops.rebuilds import Rebuilds, StopRebuild
from api.ops.stories import Stories
from api.orders import Order, Orders, Status
from api.products import Product, Products
from api.site.files import Page, PageFiles
from api.telemetry import Telemetry
from bus.inbox import Inbox
from bus.log import Log
from read_side.visibility import Visibility


@dataclass(frozen=True, slots=True)
class Services:
    """What the API works with, built by a main and passed in."""

    commands: Commands
    inbox: Inbox
    log: Log
    visibility: Visibility
    freshness: Freshness
    verifier: Verifier
    probes: Mapping[str, Probe]
    exposition: Exposition
    telemetry: Telemetry
    desk: Desk


def routes(s: Services) -> tuple[Route, ...]:
    """Every address with its methods and their roles: the contract's table of who may do what."""
    any_, own, staff = EVERY_ROLE, CUSTOMER_AND_STAFF, STAFF_ONLY
    table = (
        Route("/customers", Customers(s.commands, s.freshness), {"GET": staff, "POST": own}),
        Route("/customers/{customer_id}", Customer(s.commands, s.freshness), {"GET": own, "PATCH": own}),
        Route("/products", Products(s.commands, s.freshness), {"GET": own, "POST": staff}),
        Route("/products/{product_id}", Product(s.commands, s.freshness), {"GET": own, "PATCH": staff}),
        Route("/orders", Orders(s.commands, s.freshness, s.log.partitions), {"GET": own, "POST": own}),
        Route("/orders/{order_id}", Order(s.freshness, s.log), {"GET": own}),
        Route("/orders/{order_id}/status", Status(s.commands), {"PATCH": own}),
        Route("/analytics/orders", OrderAnalytics(s.freshness), {"GET": STAFF_AND_OPS}),
        Route("/analytics/products", ProductAnalytics(s.freshness), {"GET": STAFF_AND_OPS}),
        Route("/commands/{command_id}", CommandStatus(s.inbox, s.visibility, s.freshness), {"GET": any_}),
        Route("/events", Events(s.log, s.freshness), {"GET": OPS_ONLY}),
        Route("/health/live", Live(), {"GET": ANYONE}),
        Route("/health/ready", Ready(s.probes), {"GET": ANYONE}),
        Route("/metrics", Metrics(s.exposition), {"GET": OPS_ONLY}),
        Route("/ops/flow", FlowSnapshot(s.desk.flow), {"GET": OPS_ONLY}),
        Route("/ops/queues", QueuesNow(s.desk.queues), {"GET": OPS_ONLY}),
        Route("/ops/read-models", ReadModels(s.desk.standings), {"GET": OPS_ONLY}),
        Route("/ops/stories/{story_id}", Stories(s.desk.teller), {"GET": OPS_ONLY}),
        Route("/ops/dead", DeadOnes(s.desk.repairs), {"GET": OPS_ONLY}),
        Route("/ops/dead/{casualty_id}", DeadOne(s.desk.repairs), {"GET": OPS_ONLY}),
        Route("/ops/dead/{casualty_id}/retry", Retry(s.desk.repairs), {"POST": OPS_ONLY}),
        Route("/ops/dead/{casualty_id}/discard", Discard(s.desk.repairs), {"POST": OPS_ONLY}),
        Route("/ops/parked", ParkedStreams(s.desk.repairs), {"GET": OPS_ONLY}),
        Route("/ops/parked/retry", RetryParked(s.desk.repairs), {"POST": OPS_ONLY}),
        Route("/ops/rebuilds", Rebuilds(s.desk.repairs), {"GET": OPS_ONLY, "POST": OPS_ONLY}),
        Route("/ops/rebuilds/{read_model}/stop", StopRebuild(s.desk.repairs), {"POST": OPS_ONLY}),
        Route("/openapi.json", Description(lambda: table), {"GET": ANYONE}),
        Route("/docs", Page("docs"), {"GET": ANYONE}),
        Route("/docs/{file}", PageFiles("docs"), {"GET": ANYONE}),
        Route("/ops", Page("ops"), {"GET": ANYONE}),
        Route("/site/ops/{file}", PageFiles("ops"), {"GET": ANYONE}),
    )
    return table


def create_app(services: Services) -> falcon.App[falcon.Request, falcon.Response]:
    """The application; nothing is connected to before the first request.

    Raises:
        ValueError: a route is not described.

    """
    table = routes(services)
    operations.check(table)
    app: falcon.App[falcon.Request, falcon.Response] = falcon.App(router=Router())
    app.add_middleware(
        [services.telemetry, Correlation(), Access(table, services.verifier), Negotiation(), Circuit()]
    )
    for kind, handler in HANDLERS.items():
        app.add_error_handler(kind, handler)
    for route in table:
        app.add_route(route.path, route.resource)
    return app
