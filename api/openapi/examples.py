"""The ids in the examples of requests. ``make demo`` makes what they name, so the examples succeed.

They go together: the customer and the product of an order exist. An example that creates something
uses a new id, so it succeeds once.
"""

from collections.abc import Mapping

CUSTOMER_ID = "c1"
PRODUCT_ID = "p1"
NEW_CUSTOMER_ID = "c-new"
NEW_PRODUCT_ID = "p-new"

IN_PATHS: Mapping[str, str] = {
    "customer_id": CUSTOMER_ID,
    "product_id": PRODUCT_ID,
    "story_id": CUSTOMER_ID,
    "code": "status-not-allowed",
}
"""Examples by parameter name. The service picks the ids of orders and commands: they have none."""
