"""The stock version's API: Falcon on waitress with its default threads, one route, one message sent.

It checks the body, draws an id, sends the command and answers 202. It leaves out tokens, idempotency and
everything durable: what Redis loses is lost.

``python -m tests.benchmarks.yardsticks.stock_api PORT`` runs it.
"""

import logging
import os
import sys
import uuid

import dramatiq
import falcon
import waitress
from pydantic import BaseModel, ConfigDict, ValidationError
from pymongo import MongoClient

from tests.benchmarks.yardsticks import dramatiq_workers, stock


class _Item(BaseModel):
    product_id: str
    quantity: int


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid")

    customer_id: str
    items: list[_Item]
    shipping_address: dict[str, str]


class Orders:
    """``/orders``."""

    def __init__(self, place_order: dramatiq.Actor[[stock.Document], None]) -> None:
        self._place_order = place_order

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        try:
            order = _Order.model_validate(req.get_media())
        except ValidationError as error:
            raise falcon.HTTPUnprocessableEntity(description=str(error)) from None
        order_id = str(uuid.uuid4())
        self._place_order.send({"order_id": order_id, **order.model_dump()})
        resp.status = falcon.HTTP_202
        resp.media = {"order_id": order_id}


def main(port: int) -> None:
    mongo: MongoClient[stock.Document] = MongoClient(os.environ[dramatiq_workers.MONGODB])
    place_order = stock.declare(dramatiq_workers.broker_of_environment(), mongo[stock.DATABASE])
    app: falcon.App[falcon.Request, falcon.Response] = falcon.App()
    app.add_route("/orders", Orders(place_order))
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it warns of each request that waits
    waitress.serve(app, host="127.0.0.1", port=port)


if __name__ == "__main__":
    main(int(sys.argv[1]))
