"""The read models: one file each, and the table of them all.

To add one, write its file and give it a row here.
"""

from collections.abc import Iterable
from datetime import tzinfo

from read_side.projections.customers import CUSTOMERS
from read_side.projections.model import ReadModel
from read_side.projections.order_analytics import ORDER_ANALYTICS
from read_side.projections.order_detail import ORDER_DETAIL
from read_side.projections.order_summary import ORDER_SUMMARY
from read_side.projections.product_sales import PRODUCT_SALES
from read_side.projections.products import PRODUCTS


def distinct(models: Iterable[ReadModel]) -> tuple[ReadModel, ...]:
    """Return the models as a table.

    Raises ``ValueError`` if two share a name, because then they share a collection and a queue.
    """
    table = tuple(models)
    names = [model.name for model in table]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ValueError(f"more than one read model is named {', '.join(doubled)}")
    return table


READ_MODELS: tuple[ReadModel, ...] = distinct(
    (
        ORDER_SUMMARY,
        ORDER_DETAIL,
        ORDER_ANALYTICS,
        PRODUCT_SALES,
        CUSTOMERS,
        PRODUCTS,
    )
)


def read_models(zone: tzinfo) -> tuple[ReadModel, ...]:
    """Return the table for a shop in a time zone. ``READ_MODELS`` is that of UTC."""
    return tuple(model.in_zone(zone) for model in READ_MODELS)


def by_name(name: str) -> ReadModel:
    """Return the model of this name. Raises ``LookupError``, with the names there are."""
    for model in READ_MODELS:
        if model.name == name:
            return model
    raise LookupError(f"no read model is named {name}; there are {', '.join(m.name for m in READ_MODELS)}")
