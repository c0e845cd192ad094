"""The names of streams, and the partition of the log that a stream belongs to."""

from binascii import crc32

import uuid_utils

from bus.messages.values import is_id


def customer_stream(customer_id: str) -> str:
    return f"customer-{customer_id}"


def product_stream(product_id: str) -> str:
    return f"product-{product_id}"


def order_stream(order_id: str) -> str:
    return f"order-{order_id}"


def id_of(stream: str) -> str:
    """Return the aggregate's id: the stream's name without its category.

    Only ids may have a hyphen.
    """
    return stream.partition("-")[2]


def is_stream(text: str) -> bool:
    """Return True if the text can be the name of a customer's, a product's or an order's stream."""
    identity = id_of(text)
    named = (customer_stream(identity), product_stream(identity), order_stream(identity))
    return is_id(identity) and text in named


def partition_of(stream: str, partitions: int) -> int:
    """Return the partition, 0 to ``partitions - 1``, that holds a stream.

    It is the ``crc32`` of the aggregate's id, modulo ``partitions``.
    """
    return crc32(id_of(stream).encode()) % partitions


def draw_order_id(customer_id: str | None, partitions: int) -> str:
    """Return a new UUIDv7 (RFC 9562) in its customer's partition, or in any for a walk-in order.

    So a customer and its orders are strictly ordered among themselves. It takes ``partitions``
    draws on average, about a microsecond each.
    """
    if customer_id is None:
        return str(uuid_utils.uuid7())
    home = partition_of(customer_stream(customer_id), partitions)
    while True:
        order_id = str(uuid_utils.uuid7())
        if partition_of(order_stream(order_id), partitions) == home:
            return order_id
