"""The ids in the examples of what is sent. ``make demo`` makes what they name, so that examples succeed.

They go together: an order's customer and product are there. What an example itself makes is new, once.
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
"""By the parameter's name. Ids of orders and commands are the service's to pick, so they have no example."""
