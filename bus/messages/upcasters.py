"""The older forms of events, and the functions that turn each into the next newer one.

A released form is never forgotten: ``tests/golden`` holds an example of each. When an event changes
its form, its class raises ``schema_version``, and the function that turns the previous form into
the new one goes to the end of the event's row here. A reader applies the functions of the row from
the stored version on, so the rest of the code knows the newest form alone.

An upcaster is pure. It gets the ``data`` of an event in its form and returns the data in the next
form. It must not change what it is given. It may use nothing else: not the clock, and not what
other events say.
"""

from collections.abc import Callable, Mapping
from typing import Any

Data = Mapping[str, Any]
Upcaster = Callable[[Data], Data]


def _wider(data: Data) -> Data:
    """Return the data as it is.

    The newer form allows all that the older one did; more fields may be left out now.
    """
    return data


def _lines_as_sold(data: Data) -> Data:
    """Give each line its ``list_price`` and a ``discount`` of 0.

    Version 1 knew the catalogue's price alone: each line was sold at it, without a discount.
    """
    lines = [{**line, "list_price": line["unit_price"], "discount": 0} for line in data["lines"]]
    return {**data, "lines": lines}


UPCASTERS: Mapping[str, tuple[Upcaster, ...]] = {
    "CustomerRegistered": (_wider,),
    "OrderPlaced": (_lines_as_sold,),
    "OrderConfirmed": (_wider,),
    "OrderShipped": (_wider,),
    "OrderDelivered": (_wider,),
    "OrderCancelled": (_wider,),
}


def upcast(kind: str, version: int, data: Data) -> Data:
    """Return the data of an event in the newest form, from an older version (1 is the first)."""
    for upcaster in UPCASTERS.get(kind, ())[version - 1 :]:
        data = upcaster(data)
    return data
