"""The sweep: what is overdue by mongod's clock and not in the queue is enqueued again, once."""

from datetime import timedelta
from typing import Any

import pytest
import redis
from dramatiq import Message
from pymongo.database import Database

from bus import sweeper
from bus.connections.clients import StoredDocument
from bus.inbox.inbox import Inbox
from bus.messages.outcome import CommandStatus, Outcome
from bus.queue.broker import Broker
from bus.sweeper import Sweep
from tests.integration.commands_queue import LIST, PATIENCE_S, SOON_MS, consumer_of, taken, text, waiting
from tests.support import messages
from tests.support.messages import NOW
from tests.support.waiting import until

HOUR_MS = 3_600_000


@pytest.fixture
def broker(client: redis.Redis) -> Broker:
    return Broker(client)


def accept(inbox: Inbox, *keys: str) -> None:
    for key in keys:
        inbox.accept_all([(messages.envelope(command_id=key), None)])


def finish(inbox: Inbox, key: str, status: CommandStatus) -> None:
    inbox.finish_all([(key, Outcome(status=status, stream="order-o1", partition=0))])


def test_the_overdue_are_enqueued_once_in_the_order_accepted(
    database: Database[StoredDocument], inbox: Inbox, broker: Broker, client: redis.Redis
) -> None:
    sweep = Sweep(database, inbox, broker, SOON_MS)
    assert sweep() == 0
    accept(inbox, "k2", "k1", "k3")
    assert [sweep() for _ in range(3)] == [3, 0, 0]
    assert waiting(client) == ["k2", "k1", "k3"]
    message = Message.decode(text(client.hget(f"{LIST}.msgs", "k1")).encode())
    assert (message.message_id, message.args, message.kwargs) == ("k1", (), {})


def test_several_clocks_enqueue_no_more_than_one(
    database: Database[StoredDocument], inbox: Inbox, client: redis.Redis
) -> None:
    accept(inbox, "k1", "k2")
    sweeps = [Sweep(database, inbox, Broker(client), SOON_MS) for _ in range(2)]
    assert [sweep() for sweep in sweeps] == [2, 0]
    assert waiting(client) == ["k1", "k2"]


def test_what_waits_in_the_queue_or_is_in_flight_is_left_alone(
    database: Database[StoredDocument], inbox: Inbox, broker: Broker, client: redis.Redis
) -> None:
    accept(inbox, "k1", "k2")
    sweep = Sweep(database, inbox, broker, SOON_MS)
    sweep()
    consumer = consumer_of(broker)
    first = taken(consumer)
    accept(inbox, "k3")
    assert sweep() == 1
    assert waiting(client) == ["k2", "k3"]
    consumer.ack(first)  # its handling came to nothing
    assert sweep() == 1
    assert waiting(client) == ["k2", "k3", "k1"]


def test_the_finished_are_left_alone_also_when_they_failed(
    database: Database[StoredDocument], inbox: Inbox, broker: Broker, client: redis.Redis
) -> None:
    accept(inbox, "k1", "k2", "k3", "k4")
    for key, status in zip(("k1", "k2", "k4"), list(CommandStatus)[1:], strict=True):
        finish(inbox, key, status)
    assert Sweep(database, inbox, broker, SOON_MS)() == 1
    assert waiting(client) == ["k3"]


def test_a_redis_that_forgot_everything_is_filled_again(
    database: Database[StoredDocument],
    inbox: Inbox,
    broker: Broker,
    client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sweeper, "SWEEP_BATCH", 2)
    sweep = Sweep(database, inbox, broker, SOON_MS)
    accept(inbox, "k1", "k2", "k3")
    assert [sweep(), sweep()] == [2, 1]
    client.flushall()
    assert [sweep(), sweep()] == [2, 1]
    assert waiting(client) == ["k1", "k2", "k3"]


def test_what_is_lost_behind_a_long_backlog_is_found(
    database: Database[StoredDocument],
    inbox: Inbox,
    broker: Broker,
    client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sweeper, "SWEEP_BATCH", 2)
    monkeypatch.setattr(sweeper, "SWEEP_PAGES", 2)
    keys = [f"k{number}" for number in range(11)]
    accept(inbox, *keys)
    others = Sweep(database, inbox, broker, SOON_MS)
    while others():
        pass
    assert waiting(client) == keys
    for lost in ("k4", "k9"):
        client.hdel(f"{LIST}.msgs", lost)
        client.lrem(LIST, 1, lost)
    sweep = Sweep(database, inbox, broker, SOON_MS)
    # Four commands a look: k0 to k3, k4 to k7, k8 to k10, and from the beginning.
    assert [sweep() for _ in range(4)] == [0, 1, 1, 0]
    assert waiting(client)[-2:] == ["k4", "k9"]


def test_what_was_accepted_just_now_is_given_its_time(
    database: Database[StoredDocument], inbox: Inbox, broker: Broker, client: redis.Redis
) -> None:
    inbox.accept_all([(messages.envelope(accepted_at=NOW - timedelta(days=365)), None)])
    assert Sweep(database, inbox, broker, HOUR_MS)() == 0
    assert waiting(client) == []
    until(Sweep(database, inbox, broker, 0), PATIENCE_S, "the command is overdue")
    assert waiting(client) == ["k1"]


def test_the_age_is_by_the_clock_of_mongod(
    database: Database[StoredDocument],
    inbox: Inbox,
    broker: Broker,
    client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ask = database.command

    def in_two_hours(command: str, **options: Any) -> dict[str, Any]:
        answer: dict[str, Any] = ask(command, **options)
        return answer | {"localTime": answer["localTime"] + timedelta(hours=2)}

    accept(inbox, "k1")
    monkeypatch.setattr(database, "command", in_two_hours)
    assert Sweep(database, inbox, broker, HOUR_MS)() == 1
    assert waiting(client) == ["k1"]
