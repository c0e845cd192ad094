"""The HTTP API as one WSGI application: every route, its roles and its databases, on one screen.

The API validates shapes, authenticates, keeps commands in the inbox and puts them on the queue. It
answers queries from the read collections. It holds no rule but who may ask for what.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo

import falcon

from api.http.commands import Commands
from api.http.freshness import Freshness
from api.middleware.access import (
    ANYONE,
    CUSTOMER_AND_STAFF,
    CUSTOMER_STAFF_AND_OPS,
    NOT_RECORDED,
    OPS_AND_METRICS,
    OPS_ONLY,
    STAFF_AND_OPS,
    STAFF_ONLY,
    Access,
    Route,
    Router,
)
from api.middleware.auth import Verifier
from api.middleware.circuit import Circuit
from api.middleware.correlation import Correlation
from api.middleware.cors import Cors
from api.middleware.deferral import Resumption
from api.middleware.error_handlers import HANDLERS
from api.middleware.needs import BOTH, NOTHING, READ, WRITE, Store
from api.middleware.negotiation import Negotiation
from api.middleware.recording import Recording
from api.middleware.security import SecurityHeaders
from api.middleware.telemetry import HttpTelemetry
from api.openapi import operations
from api.openapi.page import Description
from api.ops.audit_trail import AuditTrailPages
from api.ops.commands import RecentCommands
from api.ops.dead import DeadOne, DeadOnes, Discard, Retry
from api.ops.flow import FlowSnapshot
from api.ops.parked import ParkedStreams, RetryParked
from api.ops.queues import QueuesNow
from api.ops.read_models import ReadModels
from api.ops.rebuilds import Rebuilds, StopRebuild
from api.ops.services import OpsServices
from api.ops.stories import Stories
from api.resources.analytics import OrderAnalyticsResource, ProductAnalyticsResource
from api.resources.command_status import CommandStatusResource
from api.resources.customers import CustomerResource, CustomersResource
from api.resources.events import EventsResource
from api.resources.health import Found, LiveResource, Probe, ReadyResource
from api.resources.metrics import Exposition, MetricsResource
from api.resources.order_status import OrderStatusResource
from api.resources.orders import OrderResource, OrdersResource
from api.resources.products import ProductResource, ProductsResource
from api.site import swagger_ui
from api.site.files import PageFiles, PageResource
from api.site.home import Home
from api.site.problem_pages import OneProblemType, ProblemTypes
from bus.audit_trail.actions import Action
from bus.audit_trail.trail import AuditTrail
from bus.inbox.command_records import CommandRecords
from bus.log.log import Log
from read_side.queries.visibility import Visibility


@dataclass(frozen=True, slots=True)
class Services:
    """The parts that the API works with; a main builds them and passes them in."""

    commands: Commands
    records: CommandRecords
    log: Log
    visibility: Visibility
    freshness: Freshness
    verifier: Verifier
    probes: Mapping[str, Probe]
    exposition: Exposition
    telemetry: HttpTelemetry
    ops_services: OpsServices
    trail: AuditTrail
    ready_parts: Callable[[], Found] | None = None
    """Returns the last findings about the parts that ``probes`` ask.

    Without it each request asks the parts.
    """
    zone: tzinfo = UTC
    """The time zone in which the shop's days begin."""
    public_details: bool = True
    """True if everybody may read the description, and in /health/ready the state of each part."""


def routes(s: Services) -> tuple[Route, ...]:
    """Return every address with its methods, their roles (the contract's table) and databases.

    A route that operators may use names its action in the audit trail, or is ``NOT_RECORDED``.
    A ``cacheable`` route tells nothing personal. No cache keeps an answer of the other routes.
    """
    own, staff, watching, ops = CUSTOMER_AND_STAFF, STAFF_ONLY, STAFF_AND_OPS, OPS_ONLY
    any_, scraping = CUSTOMER_STAFF_AND_OPS, OPS_AND_METRICS
    commands, fresh, ops_services, repairs = s.commands, s.freshness, s.ops_services, s.ops_services.repairs
    described, asked_by = (ANYONE, None) if s.public_details else (OPS_ONLY, s.verifier)
    list_and_create = {"GET": READ, "POST": WRITE}
    show_and_change = {"GET": READ, "PATCH": WRITE}
    table = (
        Route("/customers", CustomersResource(commands, fresh), {"GET": staff, "POST": own}, list_and_create),
        Route(
            "/customers/{customer_id}",
            CustomerResource(commands, fresh),
            {"GET": own, "PATCH": own},
            show_and_change,
        ),
        Route(
            "/products",
            ProductsResource(commands, fresh),
            {"GET": own, "POST": staff},
            list_and_create,
            cacheable=True,
        ),
        Route(
            "/products/{product_id}",
            ProductResource(commands, fresh),
            {"GET": own, "PATCH": staff},
            show_and_change,
            cacheable=True,
        ),
        Route(
            "/orders",
            OrdersResource(commands, fresh, s.log.partitions, s.zone),
            {"GET": own, "POST": own},
            list_and_create,
        ),
        Route("/orders/{order_id}", OrderResource(fresh, s.log), {"GET": own}, READ, strong=BOTH),
        Route("/orders/{order_id}/status", OrderStatusResource(commands), {"PATCH": own}, WRITE),
        Route(
            "/analytics/orders",
            OrderAnalyticsResource(fresh, s.zone),
            {"GET": watching},
            READ,
            NOT_RECORDED,
            cacheable=True,
        ),
        Route(
            "/analytics/products",
            ProductAnalyticsResource(fresh, s.zone),
            {"GET": watching},
            READ,
            NOT_RECORDED,
            cacheable=True,
        ),
        Route(
            "/commands/{command_id}",
            CommandStatusResource(s.records, s.visibility, fresh),
            {"GET": any_},
            BOTH,
            Action.READ_COMMAND,
        ),
        Route("/events", EventsResource(s.log, fresh), {"GET": ops}, WRITE, Action.READ_EVENTS),
        Route("/health/live", LiveResource(), {"GET": ANYONE}, NOTHING),
        Route("/health/ready", ReadyResource(s.probes, s.ready_parts, asked_by), {"GET": ANYONE}, NOTHING),
        Route(
            "/metrics",
            MetricsResource(s.exposition),
            {"GET": scraping},
            NOTHING,
            NOT_RECORDED,
            cacheable=True,
        ),
        Route("/ops/flow", FlowSnapshot(ops_services.flow), {"GET": ops}, BOTH, NOT_RECORDED),
        Route("/ops/commands", RecentCommands(s.records), {"GET": ops}, WRITE, Action.READ_COMMAND),
        Route("/ops/queues", QueuesNow(ops_services.queues), {"GET": ops}, BOTH, NOT_RECORDED),
        Route("/ops/read-models", ReadModels(ops_services.statuses), {"GET": ops}, BOTH, NOT_RECORDED),
        Route(
            "/ops/stories/{story_id}",
            Stories(ops_services.timeline_reader),
            {"GET": ops},
            BOTH,
            Action.READ_STORY,
        ),
        Route("/ops/dead", DeadOnes(repairs), {"GET": ops}, WRITE, Action.READ_DEAD),
        Route("/ops/dead/{failure_id}", DeadOne(repairs), {"GET": ops}, WRITE, Action.READ_DEAD),
        Route("/ops/dead/{failure_id}/retry", Retry(repairs), {"POST": ops}, WRITE, Action.RETRY_DEAD),
        Route("/ops/dead/{failure_id}/discard", Discard(repairs), {"POST": ops}, WRITE, Action.DISCARD_DEAD),
        Route("/ops/parked", ParkedStreams(repairs), {"GET": ops}, BOTH, Action.READ_PARKED),
        Route("/ops/parked/retry", RetryParked(repairs), {"POST": ops}, BOTH, Action.RETRY_PARKED),
        Route(
            "/ops/rebuilds",
            Rebuilds(repairs),
            {"GET": ops, "POST": ops},
            {"GET": READ, "POST": BOTH},
            Action.REQUEST_REBUILD,
        ),
        Route(
            "/ops/rebuilds/{read_model}/stop", StopRebuild(repairs), {"POST": ops}, BOTH, Action.STOP_REBUILD
        ),
        Route("/ops/audit-trail", AuditTrailPages(s.trail), {"GET": ops}, WRITE, Action.READ_AUDIT_TRAIL),
        Route("/", Home(), {"GET": ANYONE}, NOTHING),
        Route("/problems", ProblemTypes(), {"GET": ANYONE}, NOTHING),
        Route("/problems/{code}", OneProblemType(), {"GET": ANYONE}, NOTHING),
        Route("/openapi.json", Description(lambda: table), {"GET": described}, NOTHING, NOT_RECORDED),
        Route("/docs", PageResource("docs"), {"GET": described}, NOTHING, NOT_RECORDED),
        Route(
            "/docs/{file}", PageFiles("docs", swagger_ui.files()), {"GET": described}, NOTHING, NOT_RECORDED
        ),
        Route("/ops", PageResource("ops"), {"GET": ANYONE}, NOTHING),
        Route("/site/ops/{file}", PageFiles("ops"), {"GET": ANYONE}, NOTHING),
        Route("/site/pages/{file}", PageFiles("pages"), {"GET": ANYONE}, NOTHING),
    )
    return table


def create_app(
    services: Services, cors_origins: Collection[str] = (), hsts_s: int | None = None
) -> falcon.App[falcon.Request, falcon.Response]:
    """Return the application; it connects to nothing before the first request.

    Pages of ``cors_origins`` may use it from a browser. Without any, no answer has a header about
    that. The API tells browsers to use TLS alone for ``hsts_s`` seconds; ``None`` tells them
    nothing.

    Raises:
        ValueError: a route is not described.

    """
    table = routes(services)
    operations.check(table)
    app: falcon.App[falcon.Request, falcon.Response] = falcon.App(router=Router())
    circuit = Circuit(table, {store: services.probes[f"{store}_store"].ask for store in Store})
    app.add_middleware(
        [
            Resumption(circuit.refuse_in_vain),
            services.telemetry,
            *([Cors(cors_origins)] if cors_origins else ()),
            SecurityHeaders(hsts_s),
            Correlation(),
            Access(table, services.verifier),
            Negotiation(),
            circuit,
            Recording(table, services.trail),
        ]
    )
    for kind, handler in HANDLERS.items():
        app.add_error_handler(kind, handler)
    for route in table:
        app.add_route(route.path, route.resource)
    return app
