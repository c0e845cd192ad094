"""The older forms of events, and the functions that turn each into the next newer one.

A released form is never forgotten: ``tests/golden`` holds an example of each. When an event changes its
form, its class raises ``schema_version``, and the function from the form before goes to the end of its row
here. A reader applies what is left of the row from the stored version on, so the rest of the code knows the
newest form alone.

An upcaster is pure. It gets the ``data`` of an event as stored and returns that of the next version. It must
not change what it is given. It may use nothing else: not the clock, and not what other events say.
"""

from collections.abc import Callable, Mapping
from typing import Any

Data = Mapping[str, Any]
Upcaster = Callable[[Data], Data]


def _wider(data: Data) -> Data:
    """What was allowed before is allowed still; more may be left out now."""
    return data


def _lines_as_sold(data: Data) -> Data:
    """Version 1 knew the catalogue's price alone: each line was sold at it, without a discount."""
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
    """The data of an event in the newest form, from that of an older version (1 is the first)."""
    for upcaster in UPCASTERS.get(kind, ())[version - 1 :]:
        data = upcaster(data)
    return data
