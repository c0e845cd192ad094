"""What people do with a system and write into it, marked so that it can be found where it must not be."""

from datetime import UTC, datetime

import orjson
import redis

from bus.log.commit import Commit, Decision
from bus.log.log import Log
from bus.messages.streams import customer_stream, partition_of
from tests.support.system import System

MARKER = "Zaphod"
EMAIL = f"{MARKER.lower()}@heart-of-gold.example"
CUSTOMERS = 8
PARTITIONS = 4
TRACE = "0af7651916cd43dd8448eb211c80319c"
ADDRESS = {
    "line1": f"{MARKER} Lane 42",
    "line2": f"c/o {MARKER}",
    "city": f"{MARKER}ton",
    "region": f"{MARKER}shire",
    "postal_code": f"{MARKER}1",
    "country": "GB",
}
SAID = {"name": MARKER, "email": EMAIL}


def trade(system: System) -> None:
    """Everything that people may write, in commands that succeed, are rejected, are wrong, and in queries."""
    staff, customer = system.client("staff", "ann"), system.client("customer", "c0")
    body = {"product_id": "p1", "name": MARKER, "unit_price": 4200, "currency": "EUR"}
    assert staff.post("/products", json=body, headers={"Prefer": "wait=30"}).status_code == 201
    for number in range(CUSTOMERS):
        headers = {"Idempotency-Key": f"{MARKER}-{number}", "X-Correlation-Id": f"corr-{number}"}
        staff.post("/customers", json={"customer_id": f"c{number}", **SAID}, headers=headers)
        order = {
            "customer_id": f"c{number}",
            "items": [{"product_id": "p1", "quantity": 1}],
            "shipping_address": ADDRESS,
            "reference": f"{MARKER}-ref",
        }
        placed = staff.post("/orders", json=order, headers={"X-Correlation-Id": f"corr-order-{number}"})
        cancelled = {"status": "cancelled", "note": f"{MARKER} changed his mind"}
        staff.patch(f"/orders/{placed.json()['order_id']}/status", json=cancelled)
    again = staff.post("/customers", json={"customer_id": "c1", **SAID}, headers={"Prefer": "wait=30"})
    assert again.status_code == 409
    traced = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "Prefer": "wait=30, visible"}
    assert customer.patch("/customers/c0", json={"name": f"{MARKER} B."}, headers=traced).status_code == 204

    for wrong in (
        {"json": {"customer_id": MARKER, "name": MARKER, "email": MARKER, MARKER: MARKER}},
        {"content": f'{{"{MARKER}": '.encode()},
        {"content": MARKER.encode() + b"\xff"},
    ):
        assert staff.post("/customers", **wrong).is_client_error
    for address in (f"/orders?status={MARKER}", f"/orders?{MARKER}=1", f"/{MARKER}", f"/customers/{EMAIL}"):
        staff.get(address)
    staff.get("/orders", headers={"Authorization": f"Bearer {MARKER}.{MARKER}.{MARKER}"})
    staff.get("/orders", headers={"Accept": MARKER, "If-None-Match": MARKER, "Consistency-Token": MARKER})
    system.until_quiet()


def spoil(system: System) -> None:
    """What nobody can read: messages, and an event in the log."""
    queue = "dramatiq:commands"
    with redis.Redis.from_url(system.redis.url) as client:
        for number, payload in enumerate((f"{{{MARKER}".encode(), unknown_command("spoilt1"))):
            client.hset(f"{queue}.msgs", f"spoilt{number}", payload)
            client.rpush(queue, f"spoilt{number}")
    log = Log(system.write_database, PARTITIONS)
    newest = log.newest(partition_of(customer_stream("c0"), PARTITIONS), customer_stream("c0"))
    assert newest is not None
    spoilt = Decision(
        partition=newest.partition,
        command_id="spoilt",
        correlation_id="corr-spoilt",
        at=datetime.now(UTC),
        by="test",
        stream=newest.stream,
        version=(newest.version or 0) + 1,
        events=({"type": "CustomerRenamed", "v": 1, "data": {"name": [MARKER], "nonsense": EMAIL}},),
        state=newest.state,
    )
    assert isinstance(log.append([spoilt])[0], Commit)


def unknown_command(message_id: str) -> bytes:
    command = {"type": "EatProduct", "name": MARKER}
    envelope = {"envelope_version": 1, "command_id": message_id, "command": command}
    return orjson.dumps(
        {
            "queue_name": "commands",
            "actor_name": "handle_command",
            "args": [],
            "kwargs": {"envelope": envelope},
            "options": {"redis_message_id": message_id},
            "message_id": message_id,
            "message_timestamp": 1,
        }
    )
