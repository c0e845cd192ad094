"""Hand-made histories: each function gives one entry, with moments that are as simple as 1, 2, 3."""

from tests.failover.history.exchange import Exchange, Look
from tests.failover.history.history import Decided, Value

LAST = 9
"""The last position of a customer."""
ORDER, CUSTOMER, PRODUCT = "order-o", "customer-c", "product-p"


def accepted(key: str, began: float, ended: float, *, client: str = "a", command: str = "") -> Exchange:
    """A 202. Unless told otherwise, the command's id is that of its key."""
    return Exchange(client, key, began, ended, 202, command or f"id-{key}")


def told(key: str, began: float, ended: float, *, client: str = "a", version: int | None = None) -> Exchange:
    """A 201 or 204."""
    return Exchange(client, key, began, ended, 204, f"id-{key}", version=version)


def unanswered(key: str, began: float, ended: float) -> Exchange:
    return Exchange("a", key, began, ended, None)


def decided(
    key: str, stream: str, version: int, value: Value | None = None, *, seq: int | None = None, **facts: Value
) -> Decided:
    """``facts`` are ``customer`` and ``product``, by what was taken over from them.

    An order and its customer share a partition; the position is that of the story unless it is given.
    """
    streams = {"customer": CUSTOMER, "product": PRODUCT}
    taken = {streams[name]: fact for name, fact in facts.items()}
    partition = 1 if stream == PRODUCT else 0
    place = seq or (version + LAST if stream == ORDER else version)
    return Decided(f"id-{key}", stream, place, version, value=value, facts=taken, partition=partition)


def strong(began: float, ended: float, *, status: int = 200, client: str = "r", **shown: Value) -> Look:
    """A strong read of the order; ``shown`` are ``order`` and ``customer``."""
    streams = {"order": ORDER, "customer": CUSTOMER}
    return Look(client, ORDER, began, ended, status, {streams[k]: v for k, v in shown.items()}, strong=True)


def with_token(
    of: str, began: float, ended: float, version: int | None, *, client: str = "a", status: int = 200
) -> Look:
    """A read of the customer with the token of a command."""
    shown = {} if version is None else {CUSTOMER: version}
    return Look(client, CUSTOMER, began, ended, status, shown, carried=(f"id-{of}",))
