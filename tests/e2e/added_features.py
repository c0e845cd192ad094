"""Asks a running service for what docs/extending.md adds. Run in a copy of the tree that has it."""

import json
import sys
from typing import Any

from tests.support.system import System

VISIBLE = {"Prefer": "wait=30, visible"}
ADDRESS = {"line1": "1 High Street", "city": "Leeds", "country": "GB"}


def main() -> None:
    """Print what came back, as JSON."""
    with System() as system:
        staff = system.client("staff")
        for path, body in (
            ("/customers", {"customer_id": "c1", "name": "Ann", "email": "ann@example.com"}),
            ("/products", {"product_id": "p1", "name": "Teapot", "unit_price": 2500, "currency": "EUR"}),
        ):
            staff.post(path, json=body, headers=VISIBLE).raise_for_status()
        items = [{"product_id": "p1", "quantity": 2}]
        order = {"customer_id": "c1", "items": items, "shipping_address": ADDRESS}
        placed = staff.post("/orders", json=order, headers=VISIBLE).raise_for_status()
        where = f"/orders/{placed.json()['order_id']}"
        noted = staff.post(f"{where}/notes", json={"note": "Fragile"}, headers=VISIBLE)
        unknown = staff.post("/orders/nobody/notes", json={"note": "Fragile"}, headers=VISIBLE)
        found: dict[str, Any] = {
            "noted": [noted.status_code, noted.headers.get("Preference-Applied")],
            "unknown": [unknown.status_code, unknown.json()["type"]],
            "version": staff.get(where).json()["version"],
            "countries": staff.get("/analytics/countries").json(),
            "described": sorted(staff.get("/openapi.json").raise_for_status().json()["paths"]),
        }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
