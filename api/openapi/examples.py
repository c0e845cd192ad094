"""Examples of what is sent. They go together: the customer and the product are those of the order."""

from collections.abc import Mapping
from typing import Any

from api.ops import repair_bodies
from api.resources import bodies

CUSTOMER_ID = "c1"
PRODUCT_ID = "p1"

_ADDRESS = {"line1": "1 High Street", "city": "Leeds", "postal_code": "LS1 1AA", "country": "GB"}
_ITEMS = [{"product_id": PRODUCT_ID, "quantity": 2}]

OF_BODIES: Mapping[type[bodies.Body], Mapping[str, Any]] = {
    bodies.NewCustomer: {
        "by-itself": {"value": {"name": "Ann Archer", "email": "ann@example.com"}},
        "by-staff": {"value": {"customer_id": CUSTOMER_ID, "name": "Ann Archer", "email": "ann@example.com"}},
    },
    bodies.CustomerChange: {"name": {"value": {"name": "Ann Baker"}}},
    bodies.NewProduct: {
        "teapot": {
            "value": {"product_id": PRODUCT_ID, "name": "Teapot", "unit_price": 2500, "currency": "EUR"}
        }
    },
    bodies.ProductChange: {
        "price": {"value": {"unit_price": 2400}},
        "discontinued": {"value": {"discontinued": True}},
    },
    bodies.NewOrder: {
        "by-itself": {"value": {"items": _ITEMS, "shipping_address": _ADDRESS}},
        "by-staff": {
            "value": {
                "customer_id": CUSTOMER_ID,
                "items": _ITEMS,
                "shipping_address": _ADDRESS,
                "reference": "PO 4711",
                "occurred_at": "2024-05-01T12:00:00Z",
            }
        },
    },
    bodies.OrderStatusChange: {
        "confirm": {"value": {"status": "confirmed"}},
        "cancel": {"value": {"status": "cancelled", "note": "Changed my mind."}},
    },
    repair_bodies.Resolution: {"fixed": {"value": {"reason": "The price is fixed."}}},
    repair_bodies.ParkedStream: {
        "customer": {"value": {"read_model": "customers", "stream": f"customer-{CUSTOMER_ID}"}}
    },
    repair_bodies.ModelToRebuild: {"products": {"value": {"read_model": "products"}}},
}
