"""``/metrics``: what is counted and what is looked up, and what becomes of it while a part is away."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from falcon import testing
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from structlog.testing import capture_logs

from api.app import create_app
from api.resources import metrics
from api.resources.gauges import parts
from api.resources.metrics import Exposition
from bus.connections.clients import WEB_TIMEOUT_MS, read_database, redis_client, write_database
from bus.dead_letters.store import DeadLetters
from bus.inbox.gateway import COMMANDS_QUEUE
from bus.log.log import Log
from bus.messages.outcome import CommandStatus
from bus.messages.streams import customer_stream
from bus.observability.heartbeats import Heartbeat
from bus.observability.metric_slots import MetricsPublisher, Slots
from read_side.generations.registry import FIRST
from read_side.parked.parking import Parking
from read_side.projections import READ_MODELS
from read_side.projector.checkpoints import Checkpoints
from read_side.queries.store import ReadStore
from tests.integration.api.both_sides import BothSides, home
from tests.support import messages
from tests.support.shop_api import Shop

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]
NOBODY = "mongodb://127.0.0.1:1"
PATIENCE_S = 30.0


def samples(result: testing.Result) -> Samples:
    assert result.status_code == 200
    assert result.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    families = set()
    for family in text_string_to_metric_families(result.text):
        assert family.name not in families
        families.add(family.name)
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def scraped(shop: Shop) -> Samples:
    """What is shown, however long a busy machine keeps the databases from answering."""
    for source in shop.services.exposition._sources:
        source._limit_s = PATIENCE_S
    return samples(shop.ops.simulate_get("/metrics"))


def of(found: Samples, name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


def publish(shop: Shop) -> None:
    publisher = MetricsPublisher(Slots(shop.write), shop.services.telemetry.metrics)
    publisher.end()


@contextmanager
def elsewhere(shop: Shop, **where: str) -> Iterator[testing.TestClient]:
    """The same API with a part of it at an address where nobody is."""
    settings = shop.settings.model_copy(update={name: SecretStr(address) for name, address in where.items()})
    write, read = write_database(settings, WEB_TIMEOUT_MS), read_database(settings, WEB_TIMEOUT_MS)
    with write.client, read.client, redis_client(settings) as client:
        log = Log(write, settings.log_partitions)
        asked = parts(write, client, log, ReadStore(read), Checkpoints(read), Parking(read))
        services = replace(shop.services, exposition=Exposition(Slots(write), asked, kept_s=0))
        yield testing.TestClient(create_app(services), headers=shop.ops._default_headers)


def test_the_backlog_and_the_queues(both: BothSides) -> None:
    shop = both.shop
    for number in range(3):
        shop.staff.simulate_post(
            "/customers", json={"customer_id": f"m{number}", "name": "A", "email": "a@b.cd"}
        )

    found = scraped(shop)

    assert of(found, "twofold_commands_unfinished") == 3
    assert 0 <= of(found, "twofold_commands_oldest_unfinished_age_seconds") < 600
    assert of(found, "twofold_commands_failed") == 0
    assert of(found, "twofold_queue_messages", queue="commands", state="waiting") == 3
    assert of(found, "twofold_queue_messages", queue="commands", state="in_flight") == 0
    assert 0 <= of(found, "twofold_queue_oldest_age_seconds", queue="commands") < 600


def test_messages_in_flight_delayed_and_dead(shop: Shop) -> None:
    queue = f"dramatiq:{COMMANDS_QUEUE}"
    shop.redis.hset(f"{queue}.msgs", mapping={"one": "{", "two": "{"})
    shop.redis.rpush(queue, "one")
    shop.redis.hset(f"{queue}.DQ.msgs", "three", "{}")
    shop.redis.zadd(f"{queue}.XQ", {"four": 1})

    found = scraped(shop)

    for state in ("waiting", "in_flight", "delayed", "dead"):
        assert of(found, "twofold_queue_messages", queue="commands", state=state) == 1
    assert of(found, "twofold_queue_oldest_age_seconds", queue="commands") == 0, "it cannot be read"


def test_the_lag_of_each_read_model_and_partition(both: BothSides) -> None:
    shop = both.shop
    both.write.do(messages.register_customer(customer_id="c1"))
    an_hour_later = messages.NOW + timedelta(hours=1)
    both.write.do(messages.change_customer(customer_id="c1", name="Ann"), accepted_at=an_hour_later)
    partition = home(customer_stream("c1"))
    both.reached(1, "products", partition=partition)
    both.reached(2, "customers", partition=partition)

    found = scraped(shop)

    def lag(name: str, at: int = partition) -> float:
        return of(found, "twofold_projection_lag_commits", read_model=name, partition=str(at))

    def lag_s(name: str) -> float:
        return of(found, "twofold_projection_lag_seconds", read_model=name, partition=str(partition))

    assert of(found, "twofold_log_position", partition=str(partition)) == 2
    assert (lag("order_detail"), lag("products"), lag("customers")) == (2, 1, 0)
    assert lag("order_detail", 1 - partition) == 0
    assert lag_s("order_detail") > lag_s("products") > 0, "by when what is missing was accepted"
    assert lag_s("customers") == 0


def test_parked_streams(both: BothSides) -> None:
    both.park("products", "product-p1", 1)
    both.park("products", "product-p2", 1)
    other_generation = {"name": "products", "generation": FIRST + 1, "partition": 0, "stream": "x", "seq": 1}
    both.shop.read["parked"].insert_one({"_id": "other", **other_generation})

    found = scraped(both.shop)

    assert of(found, "twofold_parked_streams", read_model="products") == 2
    assert of(found, "twofold_parked_streams", read_model="customers") == 0


def test_processes_by_their_heartbeats(shop: Shop) -> None:
    heartbeats = [Heartbeat(shop.write, kind) for kind in ("web", "web", "commands")]
    for heartbeat in heartbeats:
        heartbeat.beat()

    found = scraped(shop)
    for heartbeat in heartbeats:
        heartbeat.end()

    kinds = {kind: of(found, "twofold_processes", kind=kind) for kind in ("web", "commands", "clock")}
    assert kinds == {"web": 2, "commands": 1, "clock": 0}


def test_requests_by_route_and_status_whatever_the_address(shop: Shop) -> None:
    def asked(route: str, status: int) -> float:
        labels = {"method": "GET", "route": route, "status": str(status)}
        return found.get(("twofold_http_requests_total", frozenset(labels.items())), 0)

    publish(shop)
    found = before = scraped(shop)
    once = [asked("/orders/{order_id}", 404), asked("(none)", 404)]
    for address in ("/orders/o1", "/orders/o2", "/no/such/page", "/neither"):
        shop.staff.simulate_get(address)
    shop.staff.simulate_get("/orders", headers={"Authorization": "Bearer nonsense"})
    publish(shop)
    found = scraped(shop)

    assert asked("/orders/{order_id}", 404) == once[0] + 2
    assert asked("(none)", 404) == once[1] + 2
    assert asked("/orders", 401) >= 1
    labels = {"method": "GET", "route": "/orders/{order_id}"}
    assert of(found, "twofold_http_request_duration_seconds_count", **labels) >= 2
    assert all(found[key] >= before[key] for key in before if key[0].endswith("_total"))


def test_accepted_commands_are_counted_once_however_often_they_are_sent(shop: Shop) -> None:
    publish(shop)
    before = of(scraped(shop), "twofold_commands_accepted_total", type="RegisterCustomer")
    body = {"customer_id": "c9", "name": "A", "email": "a@b.cd"}
    for _ in range(3):
        shop.staff.simulate_post("/customers", json=body, headers={"Idempotency-Key": "same"})
    publish(shop)

    assert of(scraped(shop), "twofold_commands_accepted_total", type="RegisterCustomer") == before + 1


def test_without_redis_only_the_queues_are_missing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "SLOTS_S", PATIENCE_S)
    monkeypatch.setattr(metrics, "MONGODB_S", PATIENCE_S)
    with elsewhere(shop, redis_url="redis://127.0.0.1:1/0") as api, capture_logs() as logged:
        found = samples(api.simulate_get("/metrics"))
        again = samples(api.simulate_get("/metrics"))

    ok = {part: of(found, "twofold_scrape_ok", part=part) for part in ("counts", "inbox", "queues")}
    assert ok == {"counts": 1, "inbox": 1, "queues": 0}
    assert not [name for name, _ in found if name.startswith("twofold_queue")]
    assert of(again, "twofold_scrape_ok", part="queues") == 0
    complaints = [line for line in logged if line["event"] == "metrics lack a part"]
    assert [line["part"] for line in complaints] == ["queues"], "once, not at every look"


def test_without_the_write_database_the_rest_is_there(shop: Shop) -> None:
    with elsewhere(shop, write_mongodb_uri=NOBODY) as api:
        found = samples(api.simulate_get("/metrics"))

    ok = {
        part: value
        for (name, labels), value in found.items()
        if name == "twofold_scrape_ok"
        for _, part in labels
    }
    assert ok == {"counts": 0, "processes": 0, "inbox": 0, "projections": 0, "queues": 1}
    assert of(found, "twofold_queue_messages", queue="commands", state="waiting") == 0
    assert not [name for name, _ in found if name.startswith("twofold_commands")], "missing is not 0"


def test_what_was_looked_up_is_kept_for_a_moment_and_what_was_counted_is_not(shop: Shop) -> None:
    """Two processes that kept counts for a moment each could show less than the other has shown before."""
    looks = 0

    def look() -> list[Metric]:
        nonlocal looks
        looks += 1
        return []

    exposition = Exposition(Slots(shop.write), {"queues": look}, kept_s=3600)
    before = exposition.text()
    shop.services.telemetry.refused(503)
    publish(shop)

    assert exposition.text() != before
    assert looks == 1


def test_unknown_parameters_are_refused(shop: Shop) -> None:
    assert shop.ops.simulate_get("/metrics?name[]=up").status_code == 400


def test_a_scraper_is_understood(shop: Shop) -> None:
    accept = (
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
        "text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
    )
    assert shop.ops.simulate_get("/metrics", headers={"Accept": accept}).status_code == 200
    assert shop.ops.simulate_get("/metrics", headers={"Accept": "application/json"}).status_code == 406


def test_every_model_is_there(shop: Shop) -> None:
    found = scraped(shop)
    for model in READ_MODELS:
        for partition in range(shop.log.partitions):
            of(found, "twofold_projection_position", read_model=model.name, partition=str(partition))
        of(found, "twofold_queue_messages", queue=model.name, state="waiting")


def test_what_waits_for_an_operator(both: BothSides) -> None:
    shop = both.shop
    sent = shop.staff.simulate_post("/customers", json={"customer_id": "f1", "name": "A", "email": "a@b.cd"})
    shop.finish(sent.json["command_id"], status=CommandStatus.FAILED, seq=None, version=None, error="broken")
    letters = DeadLetters(shop.write)
    letters.create()
    shop.redis.zadd("dramatiq:products.XQ", {"one": 1})
    shop.redis.hset("dramatiq:products.XQ.msgs", "one", b"{")
    letters.collect(shop.redis, ["products"])

    found = scraped(shop)
    shop.write["dead_letters"].delete_many({})

    assert of(found, "twofold_commands_failed") == 1
    assert of(found, "twofold_dead_letters", queue="products") == 1
    assert of(found, "twofold_dead_letters", queue="commands") == 0
    assert of(found, "twofold_queue_messages", queue="products", state="dead") == 0
