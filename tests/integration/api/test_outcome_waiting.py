"""Waiting for outcomes: woken when one is announced, and none is missed for want of an announcement."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from unittest import mock

import pytest
import redis
from dramatiq import Message

from api.http import commands as commands_module
from api.http.admission import Admission
from api.http.commands import Commands
from api.http.freshness import Freshness, WaitSlots
from api.middleware.deferral import in_this_thread
from bus.inbox.command_records import CommandRecord, CommandRecords
from bus.inbox.gateway import CommandGateway
from bus.inbox.inbox import Inbox
from bus.messages.outcome import CommandStatus, Outcome
from bus.notify import notifier as notifier_module
from bus.notify.notifier import Notifier, announce, finished
from bus.queue.broker import Broker
from tests.integration.commands_queue import PATIENCE_S, waiting
from tests.support import messages
from tests.support.decided import come_to
from tests.support.waiting import until

LONG_S = 2 * PATIENCE_S
"""Beyond what any test waits: so it is not the time that ended a wait."""
Sends = Callable[..., Future[CommandRecord | None]]
OUTCOME = Outcome(status=CommandStatus.SUCCEEDED, stream="order-o1", partition=1, seq=7, version=3)


@pytest.fixture
def notifier(client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notifier]:
    """Listening; and waiters look by themselves only at their deadline."""
    monkeypatch.setattr(commands_module, "LOOK_AGAIN_S", LONG_S)
    monkeypatch.setattr(notifier_module, "RECONNECT_S", 0.01)
    monkeypatch.setattr(notifier_module, "LISTEN_S", 0.05)  # so that it stops soon
    notifier = Notifier(client)
    with notifier.expect([finished("nothing")]) as listens:
        notifier.start()
        assert listens.wait(PATIENCE_S), "once it listens, it wakes all who wait: here, nobody else yet"
    yield notifier
    notifier.stop()
    until(lambda: not notifier.alive, PATIENCE_S, "the listener has stopped")


@pytest.fixture
def gateway(records: CommandRecords, client: redis.Redis, notifier: Notifier) -> CommandGateway:
    return CommandGateway(records, Broker(client), notifier)


@pytest.fixture
def commands(gateway: CommandGateway) -> Commands:
    return Commands(
        gateway=gateway,
        freshness=mock.Mock(Freshness),
        slots=WaitSlots(1),
        stopping=threading.Event(),
        admission=mock.Mock(Admission, of_one=lambda _caller: nullcontext()),
    )


def outcome(
    commands: Commands, command_id: str = "k1", seconds: float = LONG_S, digest: str | None = "digest"
) -> CommandRecord | None:
    """What a command comes to within so many seconds, waited for in this thread."""
    envelope = messages.envelope(command_id=command_id)
    return in_this_thread(commands.outcome(envelope, time.monotonic() + seconds, digest))


@pytest.fixture
def send(commands: Commands, inbox: Inbox, notifier: Notifier) -> Iterator[Sends]:
    """Send by another thread, which waits; the command is accepted by then, and a waiter registered."""
    with ThreadPoolExecutor() as pool:

        def send(command_id: str = "k1", digest: str = "digest") -> Future[CommandRecord | None]:
            future = pool.submit(outcome, commands, command_id, digest=digest)
            waits = f"{command_id} is awaited"
            until(lambda: finished(command_id) in notifier._waiting or future.done(), PATIENCE_S, waits)
            until(lambda: inbox.find(command_id), PATIENCE_S, f"{command_id} is accepted")
            return future

        yield send


def outcome_of(record: CommandRecord | None) -> Outcome | None:
    assert record is not None
    return record.outcome


def test_the_outcome_is_had_when_it_is_announced(
    send: Sends, records: CommandRecords, inbox: Inbox, client: redis.Redis, notifier: Notifier
) -> None:
    awaited = {key: send(key) for key in ("k1", "k2", "k3")}
    until(lambda: set(waiting(client)) == {"k1", "k2", "k3"}, PATIENCE_S, "the commands are enqueued")
    for key in ("k2", "k3", "k1"):
        come_to(inbox, key, OUTCOME)
    announce(client, [finished(key) for key in ("k2", "k3", "k1")])
    for key, future in awaited.items():
        assert future.result(PATIENCE_S) == records.find(key)
    assert notifier._waiting == {}


def test_an_announcement_of_nothing_yet_is_waited_through(
    send: Sends,
    gateway: CommandGateway,
    inbox: Inbox,
    client: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    awaited = send()
    looked = threading.Event()
    find = gateway.find

    def noticed(command_id: str) -> CommandRecord | None:
        entry = find(command_id)
        looked.set()
        return entry

    monkeypatch.setattr(gateway, "find", noticed)
    announce(client, [finished("k1")])
    assert looked.wait(PATIENCE_S)
    assert not awaited.done()
    come_to(inbox, "k1", OUTCOME)
    announce(client, [finished("k2"), finished("k1")])
    assert outcome_of(awaited.result(PATIENCE_S)) == OUTCOME


def test_one_missed_while_the_listener_was_cut_off_is_found_when_it_is_back(
    send: Sends, inbox: Inbox, client: redis.Redis
) -> None:
    awaited = send()
    come_to(inbox, "k1", OUTCOME)  # and never announced
    client.client_kill_filter(_type="pubsub")
    assert outcome_of(awaited.result(PATIENCE_S)) == OUTCOME


def test_nobody_is_kept_waiting_by_a_process_that_stops(
    send: Sends, commands: Commands, notifier: Notifier
) -> None:
    """It is told what is known: nothing more than that the command is accepted."""
    awaited = send()
    commands._stopping.set()
    notifier.wake_all()
    assert awaited.result(PATIENCE_S) is None


def test_a_repeated_request_waits_for_the_outcome_of_the_first(
    send: Sends, gateway: CommandGateway, inbox: Inbox, client: redis.Redis
) -> None:
    gateway.send(messages.envelope(), "digest")
    awaited = send()
    come_to(inbox, "k1", OUTCOME)
    announce(client, [finished("k1")])
    assert outcome_of(awaited.result(PATIENCE_S)) == OUTCOME
    assert outcome_of(send().result(PATIENCE_S)) == OUTCOME


def test_another_request_under_the_same_id_does_not_wait(
    send: Sends, gateway: CommandGateway, records: CommandRecords
) -> None:
    gateway.send(messages.envelope(), "digest")
    assert send(digest="other").result(PATIENCE_S) == records.find("k1")


def test_one_never_announced_is_found_at_the_deadline(
    commands: Commands, gateway: CommandGateway, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueue = gateway._broker.enqueue_once

    def handled_at_once(given: list[Message[None]]) -> int:
        come_to(inbox, "k1", OUTCOME)
        return enqueue(given)

    monkeypatch.setattr(gateway._broker, "enqueue_once", handled_at_once)
    assert outcome_of(outcome(commands, seconds=0.01)) == OUTCOME


@pytest.mark.parametrize("seconds", [0, 0.01])
def test_an_unfinished_one_is_shown_as_it_is_when_the_time_is_up(
    commands: Commands, records: CommandRecords, seconds: float
) -> None:
    entry = outcome(commands, seconds=seconds)
    assert entry is not None
    assert entry == records.find("k1")
    assert not entry.finished
