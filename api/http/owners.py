"""Tells which parked streams may hold something back from the answers about one customer."""

from collections.abc import Iterable

from bus.messages.streams import customer_stream, id_of, order_stream
from read_side.projections.model import Documents


class Owners:
    """The customers of parked orders, as the orders' documents say.

    An order without a document may be anybody's.
    """

    def __init__(self, orders: Documents, streams: Iterable[str]) -> None:
        self._streams = frozenset(streams)
        parked = sorted(id_of(stream) for stream in self._streams if stream.startswith(order_stream("")))
        found = orders.find({"_id": {"$in": parked}}, fields=("customer_id",)) if parked else ()
        self._owners = {order_stream(order["_id"]): order["customer_id"] for order in found}
        self._unknown = {order_stream(order_id) for order_id in parked} - self._owners.keys()

    def concerning(self, customer_id: str) -> frozenset[str]:
        """Return the customer's stream, its orders', and those that might be its orders'."""
        orders = {stream for stream, owner in self._owners.items() if owner == customer_id}
        return frozenset(orders | self._unknown | ({customer_stream(customer_id)} & self._streams))
