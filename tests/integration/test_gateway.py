"""Sending commands over a real Redis and MongoDB: kept first, enqueued once, awaited without losing any."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import redis
from dramatiq import Message

from bus import gateway as gateway_module
from bus import signals as signals_module
from bus.broker import Broker
from bus.connections import redis_client, write_database
from bus.gateway import CommandGateway
from bus.inbox import Entry, Inbox
from bus.messages.envelope import CommandEnvelope
from bus.messages.outcome import CommandStatus, Outcome
from bus.settings import Settings
from bus.signals import CHANNEL, Signals, announce, finished
from tests import messages
from tests.integration.commands_queue import LIST, PATIENCE_S, redis_away, text, waiting
from tests.waiting import until

LONG_S = 2 * PATIENCE_S
"""Beyond what any test waits: so it is not the time that ended a wait."""
OUTCOME = Outcome(status=CommandStatus.SUCCEEDED, stream="order-o1", partition=1, seq=7, version=3)


@pytest.fixture
def client(settings: Settings) -> Iterator[redis.Redis]:
    with redis_client(settings) as client:
        yield client


@pytest.fixture
def inbox(settings: Settings) -> Iterator[Inbox]:
    database = write_database(settings)
    with database.client:
        inbox = Inbox(database, 4)
        inbox.create()
        yield inbox


@pytest.fixture
def signals(client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> Iterator[Signals]:
    """Listening; and waiters look by themselves only at their deadline."""
    monkeypatch.setattr(gateway_module, "LOOK_AGAIN_S", LONG_S)
    monkeypatch.setattr(signals_module, "RECONNECT_S", 0.01)
    monkeypatch.setattr(signals_module, "LISTEN_S", 0.05)  # so that it stops soon
    signals = Signals(client)
    signals.start()
    until(lambda: listeners(client), PATIENCE_S, "the listener listens")
    yield signals
    signals.stop()


@pytest.fixture
def gateway(inbox: Inbox, client: redis.Redis, signals: Signals) -> CommandGateway:
    return CommandGateway(inbox, Broker(client), signals)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def listeners(client: redis.Redis) -> int:
    ((_, count),) = client.pubsub_numsub(CHANNEL)
    return int(count)


def outcome_of(entry: Entry | None) -> Outcome | None:
    assert entry is not None
    return entry.outcome


def sent_and_awaited(
    pool: ThreadPoolExecutor, gateway: CommandGateway, signals: Signals, envelope: CommandEnvelope
) -> Future[Entry | None]:
    """Sent by another thread, which waits for the outcome by now."""
    future = pool.submit(gateway.send_and_wait, envelope, LONG_S, "digest")
    until(lambda: finished(envelope.command_id) in signals._waiting, PATIENCE_S, "the sender waits")
    return future


def test_a_command_is_kept_and_enqueued(gateway: CommandGateway, inbox: Inbox, client: redis.Redis) -> None:
    envelope = messages.envelope(expected_versions=(1, 2))
    assert gateway.send(envelope, "digest") is None
    entry = inbox.find("k1")
    assert entry is not None
    assert (entry.envelope, entry.request, entry.finished) == (envelope, "digest", False)
    assert waiting(client) == ["k1"]
    message = Message.decode(text(client.hget(f"{LIST}.msgs", "k1")).encode())
    assert (message.queue_name, message.actor_name) == ("commands", "handle_command")
    assert message.message_id == message.options["redis_message_id"] == "k1"
    assert CommandEnvelope.model_validate(message.kwargs["envelope"]) == envelope


def test_a_known_command_is_not_enqueued_again(
    gateway: CommandGateway, inbox: Inbox, client: redis.Redis
) -> None:
    gateway.send(messages.envelope(), "digest")
    client.flushall()
    known = gateway.send(messages.envelope(command=messages.add_product()), "other")
    assert known == inbox.find("k1")
    assert known is not None
    assert known.request == "digest"
    assert waiting(client) == []


def test_the_outcome_is_had_when_it_is_announced(
    gateway: CommandGateway, inbox: Inbox, client: redis.Redis, signals: Signals, pool: ThreadPoolExecutor
) -> None:
    envelopes = [messages.envelope(command_id=key) for key in ("k1", "k2", "k3")]
    awaited = [sent_and_awaited(pool, gateway, signals, envelope) for envelope in envelopes]
    until(lambda: set(waiting(client)) == {"k1", "k2", "k3"}, PATIENCE_S, "the commands are enqueued")
    for key in ("k2", "k3", "k1"):
        inbox.finish(key, OUTCOME)
    announce(client, [finished(key) for key in ("k2", "k3", "k1")])
    assert [future.result(PATIENCE_S) for future in awaited] == [inbox.find(e.command_id) for e in envelopes]
    assert signals._waiting == {}


def test_an_announcement_of_nothing_yet_is_waited_through(
    gateway: CommandGateway, inbox: Inbox, client: redis.Redis, signals: Signals, pool: ThreadPoolExecutor
) -> None:
    awaited = sent_and_awaited(pool, gateway, signals, messages.envelope())
    (woken,) = signals._waiting[finished("k1")]
    announce(client, [finished("k1")])
    until(lambda: not woken.is_set(), PATIENCE_S, "the sender has looked")
    assert not awaited.done()
    inbox.finish("k1", OUTCOME)
    announce(client, [finished("k2"), finished("k1")])
    assert outcome_of(awaited.result(PATIENCE_S)) == OUTCOME


def test_one_missed_while_the_listener_was_cut_off_is_found_when_it_is_back(
    gateway: CommandGateway, inbox: Inbox, client: redis.Redis, signals: Signals, pool: ThreadPoolExecutor
) -> None:
    awaited = sent_and_awaited(pool, gateway, signals, messages.envelope())
    until(lambda: inbox.find("k1"), PATIENCE_S, "the command is accepted")
    inbox.finish("k1", OUTCOME)  # and never announced
    client.client_kill_filter(_type="pubsub")
    assert outcome_of(awaited.result(PATIENCE_S)) == OUTCOME


def test_one_never_announced_is_found_at_the_deadline(
    gateway: CommandGateway, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueue = gateway._broker.enqueue_once

    def handled_at_once(commands: list[Message[None]]) -> int:
        inbox.finish("k1", OUTCOME)
        return enqueue(commands)

    monkeypatch.setattr(gateway._broker, "enqueue_once", handled_at_once)
    assert outcome_of(gateway.send_and_wait(messages.envelope(), 0.01)) == OUTCOME


@pytest.mark.parametrize("seconds", [0, 0.01])
def test_an_unfinished_one_is_shown_as_it_is_when_the_time_is_up(
    gateway: CommandGateway, inbox: Inbox, seconds: float
) -> None:
    entry = gateway.send_and_wait(messages.envelope(), seconds)
    assert entry == inbox.find("k1")
    assert outcome_of(entry) is None


def test_nobody_is_kept_waiting_by_a_process_that_stops(
    gateway: CommandGateway, inbox: Inbox, signals: Signals, pool: ThreadPoolExecutor
) -> None:
    awaited = sent_and_awaited(pool, gateway, signals, messages.envelope())
    gateway.stop_waiting()
    assert awaited.result(PATIENCE_S) == inbox.find("k1")


def test_a_repeated_request_waits_for_the_outcome_of_the_first(
    gateway: CommandGateway, inbox: Inbox, client: redis.Redis, signals: Signals, pool: ThreadPoolExecutor
) -> None:
    gateway.send(messages.envelope(), "digest")
    awaited = sent_and_awaited(pool, gateway, signals, messages.envelope())
    inbox.finish("k1", OUTCOME)
    announce(client, [finished("k1")])
    assert outcome_of(awaited.result(PATIENCE_S)) == OUTCOME
    assert gateway.send_and_wait(messages.envelope(), LONG_S, "digest") == awaited.result()


def test_another_request_under_the_same_id_does_not_wait(gateway: CommandGateway, inbox: Inbox) -> None:
    gateway.send(messages.envelope(), "digest")
    assert gateway.send_and_wait(messages.envelope(), LONG_S, "other") == inbox.find("k1")


def test_commands_are_accepted_while_redis_is_away(inbox: Inbox) -> None:
    with redis_away() as client:
        gateway = CommandGateway(inbox, Broker(client), Signals(client))
        assert gateway.send(messages.envelope(command_id="k1")) is None
        assert gateway.send(messages.envelope(command_id="k2")) is None
        entry = gateway.send_and_wait(messages.envelope(command_id="k3"), 0.01)
    assert entry is not None
    accepted = inbox.unfinished(entry.envelope.command)
    assert [entry.command_id for entry in accepted] == ["k1", "k2", "k3"]
