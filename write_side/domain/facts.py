"""The facts that a decision may use beside the command and the aggregate's own state."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bus.messages.principal import Principal
from write_side.domain.customers import Customer
from write_side.domain.products import Product


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts that were looked up for a command before it is decided.

    ``customer`` and ``products`` hold the states of the command's ``fact_streams``, ``None`` where
    a stream is empty. Every product that a command names is a key. A product that nobody looked up
    is a ``KeyError``, not an unknown product.
    """

    at: datetime
    """The time (UTC) when the command was accepted: a redelivery decides with the same time."""
    by: Principal
    customer: Customer | None
    products: Mapping[str, Product | None]
