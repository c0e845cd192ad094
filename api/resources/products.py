"""Products: put on sale and changed by commands, read from ``products``."""

from typing import Annotated, Any, ClassVar, cast

import falcon

from api.http import bodies, queries, receipts
from api.http.answers import answer, answer_single
from api.http.commands import Commands
from api.http.freshness import Freshness
from api.http.pages import page_by_id
from api.http.problems import checked_id, not_found
from api.middleware.deferral import Waits
from api.openapi.examples import NEW_PRODUCT_ID
from api.openapi.kinds import changing, creating, listing, single
from api.openapi.operation import Link, Tag
from api.resources.shapes import ProductsPage
from bus.messages.products import AddProduct, ChangeProduct
from bus.messages.streams import product_stream
from bus.messages.values import Currency, Flag, Id, NewName, UnitPrice
from read_side.projections import products, staleness

NAME = products.PRODUCTS.name


class NewProduct(bodies.Body):
    """A product to put on sale. `unit_price` is in minor units of `currency`."""

    product_id: Id
    name: NewName
    unit_price: UnitPrice
    currency: Currency

    examples: ClassVar[Any] = {
        "teapot": {"product_id": NEW_PRODUCT_ID, "name": "Teapot", "unit_price": 2500, "currency": "EUR"}
    }


class ProductChange(bodies.Body):
    """The fields to change. A field left out stays. Nobody can order a discontinued product."""

    name: Annotated[NewName | None, *bodies.NOT_NULL] = None
    unit_price: Annotated[UnitPrice | None, *bodies.NOT_NULL] = None
    discontinued: Annotated[Flag | None, *bodies.NOT_NULL] = None

    examples: ClassVar[Any] = {"price": {"unit_price": 2400}, "back-on-sale": {"discontinued": False}}


class ProductsResource:
    """``/products``."""

    def __init__(self, commands: Commands, freshness: Freshness) -> None:
        self._commands = commands
        self._freshness = freshness

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> Waits[None]:
        queries.read(req, queries.NoQuery)
        received = bodies.read(req, NewProduct)
        command = AddProduct(
            product_id=received.body.product_id,
            name=received.body.name,
            unit_price=received.body.unit_price,
            currency=received.body.currency,
        )
        yield from self._commands.send(req, resp, command, received.canonical)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> Waits[None]:
        found = yield from page_by_id(req, self._freshness, NAME, products.page)
        rows = [
            staleness.marked(row, found.parked_since, [product_stream(row["product_id"])])
            for row in found.documents
        ]
        page: ProductsPage = {"products": cast("list[products.Product]", rows), "next_cursor": found.cursor}
        if stale := staleness.of(found.parked_since, found.parked_since):
            page["stale"] = stale
        answer(resp, page)


class ProductResource:
    """``/products/{product_id}``."""

    def __init__(self, commands: Commands, freshness: Freshness) -> None:
        self._commands = commands
        self._freshness = freshness

    def on_get(self, req: falcon.Request, resp: falcon.Response, product_id: str) -> Waits[None]:
        queries.read(req, queries.NoQuery)
        stream = product_stream(checked_id("product", product_id))
        live = yield from self._freshness.live(req, NAME, lambda _, parked_since: stream in parked_since)
        product = products.by_id(live.documents, product_id)
        if product is None:
            raise not_found("product", product_id)
        answer_single(req, resp, staleness.marked(product, live.parked_since, [stream]), live.generation)

    def on_patch(self, req: falcon.Request, resp: falcon.Response, product_id: str) -> Waits[None]:
        queries.read(req, queries.NoQuery)
        checked_id("product", product_id)
        received = bodies.read(req, ProductChange)
        command = ChangeProduct(
            product_id=product_id,
            name=received.body.name,
            unit_price=received.body.unit_price,
            discontinued=received.body.discontinued,
        )
        yield from self._commands.send(req, resp, command, received.canonical)


OPERATIONS = {
    ("/products", "POST"): creating(
        Tag.PRODUCTS,
        "Product",
        "addProduct",
        "Put a product on sale",
        "",
        NewProduct,
        (receipts.AcceptedProduct, receipts.CreatedProduct),
    ),
    ("/products", "GET"): listing(
        Tag.PRODUCTS,
        "listProducts",
        "List products, by id",
        queries.PageQuery,
        ProductsPage,
        links={"first": Link("readProduct", {"path.product_id": "$response.body#/products/0/product_id"})},
    ),
    ("/products/{product_id}", "GET"): single(Tag.PRODUCTS, "Product", "Read a product", products.Product),
    ("/products/{product_id}", "PATCH"): changing(
        Tag.PRODUCTS,
        "Product",
        "Change a product",
        "Orders keep the name and the price that they were placed with.",
        ProductChange,
        receipts.AcceptedProduct,
    ),
}
"""The API's description of these routes."""
