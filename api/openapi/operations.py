"""The table of all operations: what the description says of each that the code itself cannot."""

from collections.abc import Iterable, Mapping

from api.http import queries, receipts
from api.middleware.access import Route
from api.openapi import operators, repairs
from api.openapi.kinds import about_service, changing, creating, exposition, listing, single, site
from api.openapi.operation import Link, Operation, Tag
from api.resources import bodies, shapes
from read_side.projections import customers, order_detail, products

Key = tuple[str, str]
"""A path and a method."""

OPERATIONS: Mapping[Key, Operation] = {
    ("/customers", "POST"): creating(
        Tag.CUSTOMERS,
        "Customer",
        "registerCustomer",
        "Register a customer",
        "A customer registers itself, staff anybody.",
        bodies.NewCustomer,
        (receipts.AcceptedCustomer, receipts.CreatedCustomer),
    ),
    ("/customers", "GET"): listing(
        Tag.CUSTOMERS,
        "listCustomers",
        "List customers, by id",
        queries.PageQuery,
        shapes.CustomersPage,
        links={
            "first": Link("readCustomer", {"path.customer_id": "$response.body#/customers/0/customer_id"})
        },
    ),
    ("/customers/{customer_id}", "GET"): single(
        Tag.CUSTOMERS, "Customer", "Read a customer, with how much it ordered", customers.Customer
    ),
    ("/customers/{customer_id}", "PATCH"): changing(
        Tag.CUSTOMERS,
        "Customer",
        "Change a customer",
        "A new name shows on all its orders.",
        bodies.CustomerChange,
        receipts.AcceptedCustomer,
    ),
    ("/products", "POST"): creating(
        Tag.PRODUCTS,
        "Product",
        "addProduct",
        "Put a product on sale",
        "",
        bodies.NewProduct,
        (receipts.AcceptedProduct, receipts.CreatedProduct),
    ),
    ("/products", "GET"): listing(
        Tag.PRODUCTS,
        "listProducts",
        "List products, by id",
        queries.PageQuery,
        shapes.ProductsPage,
        links={"first": Link("readProduct", {"path.product_id": "$response.body#/products/0/product_id"})},
    ),
    ("/products/{product_id}", "GET"): single(Tag.PRODUCTS, "Product", "Read a product", products.Product),
    ("/products/{product_id}", "PATCH"): changing(
        Tag.PRODUCTS,
        "Product",
        "Change a product",
        "Orders keep the name and the price that they were placed with.",
        bodies.ProductChange,
        receipts.AcceptedProduct,
    ),
    ("/orders", "POST"): creating(
        Tag.ORDERS,
        "Order",
        "placeOrder",
        "Place an order",
        "At the prices of now. A customer orders for itself; staff says for whom.",
        bodies.NewOrder,
        (receipts.AcceptedOrder, receipts.CreatedOrder),
        change="changeOrderStatus",
    ),
    ("/orders", "GET"): listing(
        Tag.ORDERS,
        "listOrders",
        "List orders, newest first",
        queries.OrdersQuery,
        shapes.OrdersPage,
        text="A customer sees its own.",
        links={"first": Link("readOrder", {"path.order_id": "$response.body#/orders/0/order_id"})},
    ),
    ("/orders/{order_id}", "GET"): single(
        Tag.ORDERS,
        "Order",
        "Read an order with everything about it",
        order_detail.OrderDetail,
        query=queries.OrderQuery,
        change="changeOrderStatus",
    ),
    ("/orders/{order_id}/status", "PATCH"): changing(
        Tag.ORDERS,
        "Order",
        "Change the status of an order",
        "A customer can only cancel. Setting the status that it has succeeds and changes nothing.",
        bodies.OrderStatusChange,
        receipts.AcceptedOrder,
        id_="changeOrderStatus",
    ),
    ("/analytics/orders", "GET"): listing(
        Tag.ANALYTICS,
        "countOrders",
        "Orders by day, month or year of placing",
        queries.OrderAnalyticsQuery,
        shapes.OrdersByPeriod,
        problems=(422,),
    ),
    ("/analytics/products", "GET"): listing(
        Tag.ANALYTICS,
        "listBestSellers",
        "Products by what was ordered of them",
        queries.ProductSalesQuery,
        shapes.BestSellers,
        problems=(422,),
    ),
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
        text="Each partition's events come in their order. No position expires."
        " Data may have further fields, which a newer version of the service has stored.",
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
    ("/openapi.json", "GET"): site("describe", "This description", "application/json"),
    ("/docs", "GET"): site("readDocs", "This description as a page to try requests on", "text/html"),
    ("/docs/{file}", "GET"): site("readDocsFile", "What the page consists of", "*/*", missing=True),
    ("/ops", "GET"): site("readOps", "The operators' dashboard, to log in to with an ops token", "text/html"),
    ("/site/ops/{file}", "GET"): site("readOpsFile", "What the dashboard consists of", "*/*", missing=True),
}


def check(routes: Iterable[Route]) -> None:
    """Raises ``ValueError`` unless every route has its row, and every row its route."""
    served = {(route.path, method) for route in routes for method in route.roles}
    if served != OPERATIONS.keys():
        without, beyond = sorted(served - OPERATIONS.keys()), sorted(OPERATIONS.keys() - served)
        raise ValueError(f"not described: {without}; described but not there: {beyond}")
