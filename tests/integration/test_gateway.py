"""Sending commands over a real Redis and MongoDB: kept first, enqueued once, whatever Redis does."""

import pytest
import redis
from dramatiq import Message

from bus.inbox.command_records import CommandRecords
from bus.inbox.gateway import CommandGateway
from bus.inbox.inbox import Inbox
from bus.messages.outcome import CommandStatus, Outcome
from bus.notify.notifier import Notifier
from bus.queue.broker import Broker
from tests.integration.commands_queue import LIST, redis_away, text, waiting
from tests.support import messages

OUTCOME = Outcome(status=CommandStatus.SUCCEEDED, stream="order-o1", partition=1, seq=7, version=3)


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, MongoDB is not taken to be away."""
    monkeypatch.setattr("bus.inbox.gateway.ACCEPT_S", 30.0)


@pytest.fixture
def gateway(records: CommandRecords, client: redis.Redis) -> CommandGateway:
    """Nobody listens to announcements."""
    return CommandGateway(records, Broker(client), Notifier(client))


def test_a_command_is_kept_and_enqueued(gateway: CommandGateway, inbox: Inbox, client: redis.Redis) -> None:
    envelope = messages.envelope(expected_versions=(1, 2))
    assert gateway.send(envelope, "digest") is None
    entry = inbox.find("k1")
    assert entry is not None
    assert (entry.envelope, entry.request, entry.finished) == (envelope, "digest", False)
    assert waiting(client) == ["k1"]
    message = Message.decode(text(client.hget(f"{LIST}.msgs", "k1")).encode())
    assert (message.queue_name, message.actor_name) == ("commands", "handle_command")
    assert (message.message_id, message.options) == ("k1", {})
    assert (message.args, message.kwargs) == ((), {}), "the inbox has the rest"


def test_a_known_command_is_not_enqueued_again(
    gateway: CommandGateway, records: CommandRecords, client: redis.Redis
) -> None:
    gateway.send(messages.envelope(), "digest")
    client.flushall()
    known = gateway.send(messages.envelope(command=messages.add_product()), "other")
    assert known == records.find("k1")
    assert known is not None
    assert known.request == "digest"
    assert waiting(client) == []


def test_commands_are_accepted_while_redis_is_away(inbox: Inbox, records: CommandRecords) -> None:
    with redis_away() as client:
        gateway = CommandGateway(records, Broker(client), Notifier(client))
        assert gateway.send(messages.envelope(command_id="k1")) is None
        assert gateway.send(messages.envelope(command_id="k2")) is None
        assert gateway.send(messages.envelope(command_id="k3")) is None
    accepted = inbox.unfinished(["k2", "k3", "k1"])
    assert [entry.command_id for entry in accepted] == ["k1", "k2", "k3"]
