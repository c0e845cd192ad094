"""The customer and product that the examples of ``/openapi.json`` name, so that one can try all."""

from api.client.sender import Sender
from api.openapi.examples import CUSTOMER_ID, PRODUCT_ID

CUSTOMER = {"customer_id": CUSTOMER_ID, "name": "Ada Lovelace", "email": "ada@example.com"}
PRODUCT = {"product_id": PRODUCT_ID, "name": "Teapot", "unit_price": 2500, "currency": "EUR"}


def send(sender: Sender) -> None:
    """Create both. The service refuses an id that is taken: then what the examples name exists.

    Raises:
        ServiceError: nobody answered, or the token is not good for this.

    """
    sender.send("POST", "/customers", CUSTOMER, f"example-{CUSTOMER_ID}")
    sender.send("POST", "/products", PRODUCT, f"example-{PRODUCT_ID}")
