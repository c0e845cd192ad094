"""What waiting costs, what parked streams hide from whom, and commands that are to be visible."""

import threading
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest
from falcon import testing
from pymongo import MongoClient
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from api.app import create_app
from api.http import freshness
from api.http.freshness import Freshness
from bus.connections.clients import redis_client
from bus.notify.notifier import announce_positions, reached
from read_side.generations.registry import FIRST
from read_side.parked.parking import Parking
from read_side.projections import READ_MODELS
from read_side.projector.checkpoints import Checkpoints
from read_side.queries.store import ReadStore
from read_side.queries.visibility import Visibility
from tests.integration.api.both_sides import BothSides, home
from tests.support import messages
from tests.support.waiting import until

PRODUCT = {"product_id": "p1", "name": "Teapot", "unit_price": 2500, "currency": "EUR"}


class Finds(CommandListener):
    """Counts what is asked of MongoDB, by collection."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name in {"find", "aggregate", "getMore", "distinct", "count"}:
            self.asked.append(str(event.command.get(event.command_name)))

    def succeeded(self, event: CommandSucceededEvent) -> None: ...

    def failed(self, event: CommandFailedEvent) -> None: ...


def test_a_waiter_hardly_asks_mongodb(both: BothSides) -> None:
    """3 s of waiting, through 200 announcements: 4 looks at the checkpoint and one at the generations."""
    finds = Finds()
    settings = both.shop.settings
    client: MongoClient[dict[str, Any]] = MongoClient(
        settings.read_mongodb_uri.get_secret_value(), tz_aware=True, event_listeners=[finds]
    )
    notifier = both.shop.services.freshness._notifier
    topic = reached("products", FIRST, 0)
    with client, redis_client(settings) as announcing:
        database = client[settings.read_database]
        store = ReadStore(database)
        counted = Freshness(
            store=store,
            visibility=Visibility(store, Checkpoints(database), Parking(database)),
            notifier=notifier,
            slots=both.shop.services.freshness._slots,
            log_end=both.shop.services.freshness._log_end,
            partitions=both.shop.log.partitions,
            stopping=threading.Event(),
        )
        app = create_app(replace(both.shop.services, freshness=counted))
        staff = dict(both.shop.staff._default_headers or {})
        results: list[testing.Result] = []

        def read() -> None:
            waits = {**staff, "Consistency-Token": "0-500", "Prefer": "wait=3"}
            results.append(testing.TestClient(app).simulate_get("/products", headers=waits))

        thread = threading.Thread(target=read)
        thread.start()
        try:
            until(lambda: topic in notifier._waiting, 5, "somebody waits")
            for position in range(200):
                announce_positions(announcing, {topic: position})
        finally:
            thread.join(20)

    assert results[0].status_code == 503
    assert set(finds.asked) == {"checkpoints", "read_models"}
    assert 3 <= finds.asked.count("checkpoints") <= 5
    assert len(finds.asked) <= 6


PARKED = [
    ("products", "product-p1", {"/products/p1", "/products"}),
    ("products", "product-p7", {"/products"}),
    ("order_summary", "order-o1", {"/orders"}),
    ("order_detail", "order-o1", {"/orders/o1"}),
    ("order_detail", "customer-c1", {"/orders/o1"}),
    ("order_analytics", "order-o1", {"/analytics/orders"}),
    ("product_sales", "product-p1", {"/analytics/products"}),
    ("customers", "customer-c1", {"/customers", "/customers/c1"}),
    ("customers", "order-o1", {"/customers", "/customers/c1"}),
    ("customers", "order-o9", {"/customers", "/customers/c1", "/customers/c2"}),
]
"""Model, parked stream, and which answers miss something: an order has its customer's name, a customer the
count of its orders; whose ``o9`` is, nobody can say."""
PATHS = [
    *("/products", "/products/p1", "/products/p2", "/orders", "/orders/o1", "/orders/o2"),
    *("/analytics/orders", "/analytics/products", "/customers", "/customers/c1", "/customers/c2"),
]


def test_what_is_parked_is_not_passed_over_in_silence(both: BothSides) -> None:
    shop = both.shop
    for n in (1, 2):
        shop.happened(f"customer-c{n}", messages.customer_registered(customer_id=f"c{n}"))
        shop.happened(f"product-p{n}", messages.product_added(product_id=f"p{n}"))
        shop.happened(f"order-o{n}", messages.order_placed(order_id=f"o{n}", customer_id=f"c{n}"))
    both.reached(9)

    def refused(token: str) -> set[str]:
        headers = {"Consistency-Token": token, "Prefer": "wait=0"} if token else {}
        found = {path: shop.staff.simulate_get(path, headers=headers).status_code for path in PATHS}
        assert set(found.values()) <= {200, 503}
        return {path for path, status in found.items() if status == 503}

    for model, stream, hidden in PARKED:
        both.park(model, stream, 5)
        assert refused("0-5") == hidden, (model, stream)
        shop.read["parked"].delete_many({})
    both.park("products", "product-p1", 5)
    assert refused("0-9") == {"/products", "/products/p1"}, "what came later is behind it"
    assert refused("0-4") == set(), "what came before is there"
    assert refused("1-0") == set(), "another partition"
    assert refused("") == set(), "who does not ask gets what there is"


def sent(both: BothSides, prefer: str, **body: Any) -> testing.Result:
    headers = {"Idempotency-Key": "k", "Prefer": prefer}
    return both.shop.staff.simulate_post("/products", json={**PRODUCT, **body}, headers=headers)


def test_visible_once_every_read_model_shows_it(both: BothSides) -> None:
    both.ask(both.shop.staff, "POST", "/products", PRODUCT, **{"Idempotency-Key": "k"})
    partition = home("product-p1")

    def applied() -> str:
        result = sent(both, "wait=1, visible")
        assert (result.status_code, result.json["product_id"]) == (201, "p1")
        return str(result.headers["preference-applied"])

    assert sent(both, "wait=1").headers["preference-applied"] == "wait"
    assert applied() == "wait"
    both.reached(1, *(model.name for model in READ_MODELS[:-1]), partition=partition)
    assert applied() == "wait", "one is missing"
    both.reached(1, partition=partition)
    assert applied() == "wait, visible"
    both.park("order_summary", "product-p1", 1, partition)
    assert applied() == "wait", "one has parked it"


@pytest.mark.timeout(25, func_only=True)
def test_who_waits_for_visibility_is_woken(both: BothSides, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freshness, "LOOK_AGAIN_S", 60)
    both.ask(both.shop.staff, "POST", "/products", PRODUCT, **{"Idempotency-Key": "k"})
    partition = home("product-p1")
    topics = [reached(model.name, FIRST, partition) for model in READ_MODELS]
    results: list[testing.Result] = []
    thread = threading.Thread(target=lambda: results.append(sent(both, "wait=30, visible")))
    thread.start()
    try:
        notifier = both.shop.services.freshness._notifier
        until(lambda: set(topics) <= set(notifier._waiting), 5, "somebody waits")
        with redis_client(both.shop.settings) as client:
            for model, topic in zip(READ_MODELS, topics, strict=True):
                both.reached(1, model.name, partition=partition)
                announce_positions(client, {topic: 1})
    finally:
        thread.join(40)

    assert results[0].headers["preference-applied"] == "wait, visible"


def test_a_refused_command_is_not_waited_for(both: BothSides) -> None:
    both.write.do(messages.add_product())
    both.ask(both.shop.staff, "POST", "/products", PRODUCT, **{"Idempotency-Key": "k"})

    with mock.patch.object(Freshness, "becomes_visible") as waits:
        result = sent(both, "wait=30, visible")

    assert (result.status_code, result.headers["preference-applied"]) == (409, "wait")
    assert "consistency-token" not in result.headers
    waits.assert_not_called()
