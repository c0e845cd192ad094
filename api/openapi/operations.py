"""The table of all operations: it says of each what the code itself cannot.

The rows of the shop's resources stand beside the resources, in ``api.resources``.
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus

from api.http import queries
from api.http.commands import CREATED_IN
from api.middleware.access import Route
from api.openapi import operators, repairs
from api.openapi.kinds import about_service, exposition, listing, negotiated, single, site
from api.openapi.operation import Operation, Tag
from api.resources import analytics, customers, order_status, orders, products, shapes
from api.site.shapes import About, ProblemTypeList, ProblemTypeShown

Key = tuple[str, str]
"""A path and a method."""

FILES = ("text/javascript", "text/css", "image/svg+xml")
"""The media types of the pages' files, all named: generators of clients know no ``*/*``."""

OPERATIONS: Mapping[Key, Operation] = {
    **customers.OPERATIONS,
    **products.OPERATIONS,
    **orders.OPERATIONS,
    **order_status.OPERATIONS,
    **analytics.OPERATIONS,
    ("/commands/{command_id}", "GET"): single(
        Tag.COMMANDS,
        "Command",
        "Read what a command came to",
        shapes.CommandState,
        text="A customer sees what it sent itself.",
    ),
    ("/events", "GET"): listing(
        Tag.EVENTS,
        "readEvents",
        "The log as a feed for other systems",
        queries.EventsQuery,
        shapes.Feed,
        text="Each partition's events come in their order, and those of different partitions in any: a"
        " customer and its orders share one, while a product may come after orders of it, which are in"
        " another. A page may be empty before the end, where there was nothing but refusals: go on until"
        " `next` is what was sent as `after`. No position expires. Data may have further fields, which a"
        " newer version of the service has stored.",
    ),
    ("/health/live", "GET"): about_service("isLive", "Whether the process lives", shapes.Liveness),
    ("/health/ready", "GET"): about_service(
        "isReady", "Whether the service can serve", shapes.Readiness, ill=shapes.NotReady
    ),
    ("/metrics", "GET"): exposition(
        "readMetrics",
        "What all processes have counted, and what the databases know",
        "In Prometheus's text format. A part that is away is missing, and `twofold_scrape_ok` says so.",
    ),
    **operators.OPERATIONS,
    **repairs.OPERATIONS,
    ("/", "GET"): negotiated("readHome", "What this service is, and where to go", About),
    ("/problems", "GET"): negotiated("listProblemTypes", "Every type of problem", ProblemTypeList),
    ("/problems/{code}", "GET"): negotiated(
        "readProblemType",
        "What a type of problem means, and what to do about it",
        ProblemTypeShown,
        text="This is where the `type` of a problem leads.",
        missing=True,
    ),
    ("/openapi.json", "GET"): site("describe", "This description", "application/json"),
    ("/docs", "GET"): site("readDocs", "This description as a page to try requests on", "text/html"),
    ("/docs/{file}", "GET"): site("readDocsFile", "What the page consists of", *FILES, missing=True),
    ("/ops", "GET"): site("readOps", "The operators' dashboard, to log in to with an ops token", "text/html"),
    ("/site/ops/{file}", "GET"): site("readOpsFile", "What the dashboard consists of", *FILES, missing=True),
    ("/site/pages/{file}", "GET"): site(
        "readPagesFile", "What the other pages consist of", *FILES, missing=True
    ),
}


def check(routes: Iterable[Route]) -> None:
    """Raise ``ValueError`` if a route lacks its row, a row its route, or a body an example.

    So it does if a row says that its command creates something, and no command creates at its path.
    """
    served = {(route.path, method) for route in routes for method in route.roles}
    if served != OPERATIONS.keys():
        without, beyond = sorted(served - OPERATIONS.keys()), sorted(OPERATIONS.keys() - served)
        raise ValueError(f"not described: {without}; described but not there: {beyond}")
    bare = sorted(row.body.__name__ for row in OPERATIONS.values() if row.body and not row.body.examples)
    if bare:
        raise ValueError(f"bodies without an example: {bare}")
    creating = {path for (path, _), row in OPERATIONS.items() if HTTPStatus.CREATED in row.answers}
    if forgotten := sorted(creating - set(CREATED_IN.values())):
        raise ValueError(f"its command has no row in CREATED_IN, so nothing is a 201 here: {forgotten}")
