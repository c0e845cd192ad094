"""A shop's history as the requests that would have made it.

Customers and products come first, side by side. Then orders and their status changes come, by the
time at which they happened. Discontinuations come at the end, since the products were sold before.
A request without a time happens now, so it comes after those that have one, in the order of the
file.

A part of an order is never sent: if one of its lines is wrong, all of it is refused. Every
idempotency key is made of the mapping's name and the ids in the files, so sending all of it again
changes nothing.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from api.client.delivery import OF_A_REFUSED_ORDER, Request
from api.http.bodies import Body
from api.importing.conversions import Conversions
from api.importing.drafts import Draft, Drafts, Origin, RowRefusal
from api.importing.mapping import (
    CustomersSection,
    ImportMapping,
    Lines,
    OrdersSection,
    ProductsSection,
    StatusChanges,
)
from api.importing.rows import Row
from api.importing.tables import Tables
from api.resources.customers import NewCustomer
from api.resources.order_status import OrderStatusChange
from api.resources.orders import NewOrder
from api.resources.products import NewProduct

CUSTOMERS, PRODUCTS, ORDERS = "customers", "products", "orders"
STATUS_CHANGES, DISCONTINUATIONS = "status changes", "discontinuations"
KINDS = (CUSTOMERS, PRODUCTS, ORDERS, STATUS_CHANGES, DISCONTINUATIONS)

NOW = "~"
"""Stands for the time of a request that has none; it sorts after every time."""
LONGEST_ID = 180
"""The most characters of an id in an idempotency key; a longer one is digested (SHA-256)."""


@dataclass(slots=True)
class _Chain:
    """An order, and its changes with their times."""

    order: Request
    at: str
    changes: list[tuple[str, Request]]


class History:
    """The requests that one import sends, and the rows that it refuses; complete when made."""

    def __init__(self, mapping: ImportMapping, tables: Tables) -> None:
        self._mapping = mapping
        self._tables = tables
        self._drafts = Drafts(Conversions(mapping))
        self._chains: dict[str, _Chain | None] = {}
        """The orders, by their ids in the files; ``None`` for an order that is refused."""
        self.origins: dict[str, Origin] = {}
        """The origin of each request, by its key."""
        self.refusals: list[RowRefusal] = []
        self.refused_of: Counter[str] = Counter()
        self.repeats: Counter[str] = Counter()
        """The number, by kind, of rows whose id came before with other values."""
        catalogue: list[Request] = []
        discontinued: list[Request] = []
        if mapping.customers:
            catalogue += self._customers(mapping.customers)
        if mapping.products:
            products, discontinued = self._products(mapping.products)
            catalogue += products
        if mapping.orders and mapping.lines:
            self._orders(mapping.orders, mapping.lines)
        for section in mapping.status_changes:
            self._status_changes(section)
        self.stages = [catalogue, list(self._in_order()), discontinued]

    def _customers(self, section: CustomersSection) -> Iterator[Request]:
        for row, draft in self._firsts(CUSTOMERS, section, "customer_id"):
            request = self._request(CUSTOMERS, "/customers", draft.fields, draft.fields.get("customer_id"))
            if self._is_sound(request, draft, Origin(section, row), NewCustomer):
                yield request

    def _products(self, section: ProductsSection) -> tuple[list[Request], list[Request]]:
        """Return the requests that add products, and those that discontinue some at the end."""
        products, discontinued = list[Request](), list[Request]()
        for row, draft in self._firsts(PRODUCTS, section, "product_id"):
            gone = draft.fields.pop("discontinued", False)
            draft.fields.setdefault("currency", self._mapping.currency)
            if section.line_total:
                draft.price_of_one()
            product_id = str(draft.fields.get("product_id", ""))
            request = self._request(PRODUCTS, "/products", draft.fields, product_id)
            origin = Origin(section, row)
            if not self._is_sound(request, draft, origin, NewProduct):
                continue
            products.append(request)
            if gone:
                key, path = self._key(DISCONTINUATIONS, product_id), f"/products/{quote(product_id, safe='')}"
                discontinued.append(Request(DISCONTINUATIONS, "PATCH", path, {"discontinued": True}, key))
                self.origins[key] = origin
        return products, discontinued

    def _firsts(
        self, kind: str, section: CustomersSection | ProductsSection | OrdersSection, id_field: str
    ) -> Iterator[tuple[Row, Draft]]:
        """Yield the first row of each id, and each row without an id, so that it is refused."""
        seen: dict[str, dict[str, Any]] = {}
        for row in self._tables.rows(section):
            draft = self._drafts.of(section, row)
            identity = draft.require(id_field)
            if identity is None:
                yield row, draft
            elif identity not in seen:
                seen[identity] = dict(draft.fields)
                yield row, draft
            elif seen[identity] != draft.fields:
                self.repeats[kind] += 1

    def _orders(self, section: OrdersSection, lines_section: Lines) -> None:
        lines: dict[str, list[tuple[Row, Draft]]] = defaultdict(list)
        for row in self._tables.rows(lines_section):
            draft = self._drafts.of(lines_section, row)
            order_id = draft.require("order_id")
            if order_id is None:
                self._refuse(Origin(lines_section, row), "order_id", draft.wrong["order_id"])
            else:
                lines[order_id].append((row, draft))
        for row, draft in self._firsts(ORDERS, section, "order_id"):
            order_id = str(draft.fields.pop("order_id", ""))
            own = lines.pop(order_id, [])
            address = [name for name, _ in section.sources if name.startswith("shipping_address.")]
            if not any(name in draft.fields for name in address if dict(section.sources)[name].columns):
                draft.leave_out(address)
            body = {**_nested(draft.fields), "items": [_item(line) for _, line in own]}
            for index, (_, line) in enumerate(own):
                draft.wrong |= {f"items.{index}.{name}": why for name, why in line.wrong.items()}
            if order_id and not own:
                draft.wrong["items"] = "the order has no lines"
            origin = Origin(section, row, lines_section, tuple(line for line, _ in own))
            request = self._request(ORDERS, "/orders", body, order_id)
            sound = self._is_sound(request, draft, origin, NewOrder)
            if order_id:
                at = draft.fields.get("occurred_at", NOW)
                self._chains[order_id] = _Chain(request, at, []) if sound else None
        for order_id, orphans in lines.items():
            for row, _ in orphans:
                self._refuse(Origin(lines_section, row), "order_id", f"there is no order {order_id}")

    def _status_changes(self, section: StatusChanges) -> None:
        for row in self._tables.rows(section):
            draft, origin = self._drafts.of(section, row), Origin(section, row)
            order_id = draft.require("order_id") or ""
            draft.fields.pop("order_id", None)
            if "order_id" not in draft.wrong and self._chains.get(order_id) is None:
                known = order_id in self._chains
                draft.wrong["order_id"] = OF_A_REFUSED_ORDER if known else f"there is no order {order_id}"
            at = draft.fields.get("occurred_at", NOW)
            chain = self._chains.get(order_id)
            earlier = [change for _, change in chain.changes] if chain else []
            if any(change.body == draft.fields for change in earlier):
                continue  # the rows are those of the order's lines, say
            same = sum(change.body.get("status") == draft.fields.get("status") for change in earlier)
            last = f"{draft.fields.get('status')}{f'/{same + 1}' if same else ''}"
            request = Request(
                STATUS_CHANGES,
                "PATCH",
                "/orders/{order_id}/status",
                draft.fields,
                f"{self._key(ORDERS, order_id)}/{last}",
                order=chain.order.key if chain else None,
            )
            if self._is_sound(request, draft, origin, OrderStatusChange) and chain:
                chain.changes.append((at, request))

    def _in_order(self) -> Iterator[Request]:
        """Return orders and changes by their times; a change comes after its order in any case."""
        timed: list[tuple[str, Request]] = []
        for chain in self._chains.values():
            if chain is None:
                continue
            latest, before = chain.at, chain.order
            timed.append((latest, before))
            for at, change in sorted(chain.changes, key=lambda change: change[0]):
                latest = max(latest, at)
                before = Request(
                    *(change.kind, change.method, change.path, change.body, change.key),
                    order=change.order,
                    after=before.key,
                )
                timed.append((latest, before))
        timed.sort(key=lambda one: one[0])  # what has the same time stays as it is
        return (request for _, request in timed)

    def _request(self, kind: str, path: str, body: Mapping[str, Any], identity: object) -> Request:
        return Request(kind, "POST", path, body, self._key(kind, str(identity or "")))

    def _key(self, kind: str, identity: str) -> str:
        name = quote(identity, safe="")
        if len(name) > LONGEST_ID:
            name = hashlib.sha256(identity.encode()).hexdigest()
        return f"{self._mapping.name}/{kind}/{name}"

    def _is_sound(self, request: Request, draft: Draft, origin: Origin, shape: type[Body]) -> bool:
        """Return True if a request can be sent; refuse the rows of one that cannot."""
        draft.check(shape, request.body)
        if draft.wrong:
            self.refused_of[request.kind] += 1
            for name, why in draft.wrong.items():
                self._refuse(origin, name, why)
            return False
        self.origins[request.key] = origin
        return True

    def _refuse(self, origin: Origin, name: str, why: str) -> None:
        self.refusals.append(origin.refusal(name, why))


def _nested(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body made of fields by their dotted paths."""
    body: dict[str, Any] = {}
    for path, value in fields.items():
        *outer, name = path.split(".")
        within = body
        for word in outer:
            within = within.setdefault(word, {})
        within[name] = value
    return body


def _item(line: Draft) -> dict[str, Any]:
    """Return a line of an order's body; note as wrong what cannot be worked out."""
    own = ("product_id", "quantity")
    asked: dict[str, Any] = {name: line.fields[name] for name in own if name in line.fields}
    if "quantity" not in asked or line.wrong:
        return asked
    unit_price, discount = line.price()
    if unit_price is not None:
        asked["unit_price"] = unit_price
    if discount:
        asked["discount"] = discount
    return asked
