"""Each known fault of Dramatiq's Redis broker, shown on it, and shown to be gone here; on a real Redis.

Every test runs the same story on both. What must be true holds with the one and not with the other, so none
of them passes because nothing went wrong.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock

import dramatiq
import pytest
import redis
from dramatiq import Worker
from dramatiq import worker as dramatiq_worker
from dramatiq.brokers import redis as dramatiq_redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.common import current_millis
from dramatiq.middleware import Retries

from bus.connections import clients
from bus.queue import broker as our_broker
from bus.queue import consumer
from bus.queue.broker import Broker
from bus.queue.keys import HEARTBEATS, QueueKeys
from tests.integration.commands_queue import PATIENCE_S, command, redis_away, text
from tests.integration.cuts import cut, is_delayer, is_worker
from tests.support.waiting import until

KEYS = QueueKeys("commands")
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SOON_MS = 100
LOOKS = 200

AnyBroker = Broker | RedisBroker


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture(params=["stock", "twofold"])
def mends(request: pytest.FixtureRequest) -> bool:
    """Whether it is the broker that mends the fault."""
    return bool(request.param == "twofold")


@pytest.fixture
def broker(client: redis.Redis, *, mends: bool) -> AnyBroker:
    if mends:
        return Broker(client)
    retries = Retries(min_backoff=SOON_MS, max_backoff=SOON_MS)
    return RedisBroker(client=client, middleware=[retries])


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dramatiq's pauses after a lost connection, and ours before a retry, without the waiting."""
    monkeypatch.setattr(dramatiq_worker, "CONSUMER_RESTART_DELAY_SECS", 0.02)
    monkeypatch.setattr(dramatiq_worker, "POST_PROCESS_MESSAGE_RETRY_DELAY_SECS", 0.02)
    monkeypatch.setattr("bus.queue.retries.MIN_BACKOFF_MS", SOON_MS)


class Handled:
    """An actor's calls; the first with ``raising`` raises, after ``before_raising`` was called."""

    def __init__(
        self, broker: AnyBroker, raising: str = "", before_raising: Callable[[], None] = lambda: None
    ) -> None:
        self.calls: list[str] = []

        def handle_command(key: str) -> None:
            self.calls.append(key)
            if key == raising and self.calls.count(key) == 1:
                before_raising()
                raise ValueError(key)

        dramatiq.actor(actor_name="handle_command", queue_name="commands", broker=broker)(handle_command)


def put(broker: AnyBroker, *keys: str) -> None:
    """Messages on the queue, each under its key as its id in Redis."""
    for key in keys:
        message = command(key).copy(args=(key,), options={"redis_message_id": key})
        broker.do_enqueue("commands", key, message.encode())


@contextmanager
def working(broker: AnyBroker) -> Iterator[Worker]:
    worker = Worker(broker, queues={"commands"}, worker_timeout=20, worker_threads=1)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()


def in_flight(client: redis.Redis, broker: AnyBroker, keys: QueueKeys = KEYS) -> set[str]:
    return {text(key) for key in client.smembers(keys.in_flight(broker.broker_id))}


def owed_or_waiting(client: redis.Redis) -> int:
    """Messages that Redis still has, delayed or not: counted in one step, since they move to and fro."""
    with client.pipeline(transaction=True) as step:
        step.hlen(KEYS.messages)
        step.hlen(KEYS.delayed.messages)
        return sum(step.execute())


def test_a_retry_that_cannot_be_enqueued_is_not_lost(
    client: redis.Redis, broker: AnyBroker, *, mends: bool
) -> None:
    with cut(in_thread=is_worker, error=redis.ConnectionError("cut")) as armed:
        handled = Handled(broker, raising="k1", before_raising=armed.set)
        put(broker, "k1")
        with working(broker):
            until(lambda: len(handled.calls) > 1 or not owed_or_waiting(client), PATIENCE_S, "settled")
    assert handled.calls == (["k1", "k1"] if mends else ["k1"])


def test_delayed_messages_outlive_a_lost_connection(
    client: redis.Redis, broker: AnyBroker, monkeypatch: pytest.MonkeyPatch, *, mends: bool
) -> None:
    handled = Handled(broker)
    broker.enqueue(command("k1").copy(args=("k1",)), delay=HOUR_MS)
    with cut(in_thread=is_delayer, error=redis.ConnectionError("cut")) as armed, working(broker) as worker:
        delaying = worker.consumers[KEYS.delayed.queue_name]
        until(delaying.delay_queue.qsize, PATIENCE_S, "it is held")
        held, first = delaying.delay_queue, delaying.consumer
        armed.set()
        until(lambda: delaying.consumer is not first, PATIENCE_S, "the consumer starts again")
        assert delaying.delay_queue is not held
        assert not handled.calls
        monkeypatch.setattr(dramatiq_worker, "current_millis", lambda: current_millis() + 2 * HOUR_MS)
        if mends:
            until(lambda: handled.calls == ["k1"], PATIENCE_S, "it is handled")
        else:
            until(lambda: getattr(delaying.consumer, "misses", 0), PATIENCE_S, "it finds nothing")
            assert delaying.delay_queue.empty()
            assert in_flight(client, broker, KEYS.delayed), "owed by a process that lives, for ever"


def test_one_that_cannot_be_decoded_strands_nobody_and_is_kept(
    client: redis.Redis, broker: AnyBroker, *, mends: bool
) -> None:
    handled = Handled(broker)
    put(broker, "k1", "k2", "k3")
    client.hset(KEYS.messages, "k1", "{")
    broker.declare_queue("commands")
    taking = broker.consume("commands", prefetch=3)
    taken = []
    for _ in range(3):
        try:
            taken.append(next(taking))
        except dramatiq.DecodeError:
            taking.close()  # as Dramatiq does, to start another
            taking = broker.consume("commands", prefetch=3)
            break
    assert not handled.calls
    ids = [message.message_id for message in taken if message is not None]
    assert ids == (["k2", "k3"] if mends else [])
    assert in_flight(client, broker) == ({"k2", "k3"} if mends else {"k1", "k2", "k3"})
    assert client.zrange(KEYS.dead, 0, -1) == ([b"k1"] if mends else [])
    assert client.hget(KEYS.dead_messages, "k1") == (b"{" if mends else None)


@pytest.mark.parametrize("options", [None, [], "x"])
def test_one_that_is_json_and_no_message_is_kept_too(client: redis.Redis, options: object) -> None:
    broker = Broker(client)
    put(broker, "k1", "k2")
    client.hset(
        KEYS.messages, "k1", dramatiq.get_encoder().encode({**command("k1").asdict(), "options": options})
    )
    message = next(broker.consume("commands", prefetch=2))
    assert message is not None
    assert message.message_id == "k2"
    assert client.zrange(KEYS.dead, 0, -1) == [b"k1"]


def test_the_messages_of_a_killed_worker_return_to_an_idle_queue(
    client: redis.Redis, broker: AnyBroker, *, mends: bool
) -> None:
    put(broker, "k1")
    killed = type(broker)(client=client)
    assert next(killed.consume("commands", prefetch=1)) is not None
    client.zadd(HEARTBEATS, {killed.broker_id: current_millis() - our_broker.HEARTBEAT_TIMEOUT_MS - 1})
    idle = broker.consume("commands", prefetch=1, timeout=1)
    with mock.patch("random.randint", return_value=500_000):  # 0.1 % of calls: not these
        found = [message for _ in range(LOOKS if not mends else 1) if (message := next(idle)) is not None]
    assert [message.message_id for message in found] == (["k1"] if mends else [])
    at_worst_ms = our_broker.HEARTBEAT_TIMEOUT_MS + 1_000 * (consumer.MAINTENANCE_EVERY_S + clients.BLOCK_S)
    assert at_worst_ms < 20_000


def test_the_messages_of_a_worker_whose_clock_is_slow_stay_with_it(client: redis.Redis) -> None:
    slow, other = Broker(client), Broker(client)
    put(slow, "k1")
    with mock.patch("time.time", return_value=0.0):
        assert next(slow.consume("commands", prefetch=1)) is not None
    assert other.maintain("commands") == 0
    assert in_flight(client, slow) == {"k1"}


def test_an_acknowledgement_that_times_out_is_repeated(
    client: redis.Redis, broker: AnyBroker, *, mends: bool
) -> None:
    with cut(in_thread=is_worker, error=redis.TimeoutError("slow")) as armed:
        handled = Handled(broker)
        armed.set()
        put(broker, "k1")
        with working(broker):
            until(lambda: handled.calls, PATIENCE_S, "it is handled")
            broker_settled = until(
                lambda: not in_flight(client, broker) or not mends, PATIENCE_S, "it is acknowledged"
            )
            assert broker_settled
        assert handled.calls == ["k1"]
        assert in_flight(client, broker) == (set() if mends else {"k1"})


def test_dead_letters_do_not_expire(client: redis.Redis, broker: AnyBroker, *, mends: bool) -> None:
    put(broker, "k1")
    taking = broker.consume("commands", prefetch=1)
    message = next(taking)
    assert message is not None
    taking.nack(message)
    client.zadd(KEYS.dead, {"k1": current_millis() - 8 * DAY_MS})
    if isinstance(broker, Broker):
        broker.maintain("commands")
    else:
        broker.maintenance_chance = dramatiq_redis.MAINTENANCE_SCALE
        broker.do_fetch("commands", 1)
    assert client.zrange(KEYS.dead, 0, -1) == ([b"k1"] if mends else [])


def test_what_was_fetched_and_not_begun_is_given_back_at_a_stop(
    client: redis.Redis, broker: AnyBroker, *, mends: bool
) -> None:
    put(broker, "k1", "k2", "k3")
    taking = broker.consume("commands", prefetch=3)
    assert next(taking) is not None
    taking.close()
    assert client.lrange(KEYS.waiting, 0, -1) == ([b"k2", b"k3"] if mends else [])


def test_an_id_that_is_enqueued_again_while_in_flight_is_not_lost(
    client: redis.Redis, broker: AnyBroker, *, mends: bool
) -> None:
    put(broker, "k1")
    taking = broker.consume("commands", prefetch=1, timeout=1)
    first = next(taking)
    assert first is not None

    def again() -> None:
        if isinstance(broker, Broker):
            broker.enqueue_once([command("k1").copy(args=("newer",))])
        else:
            put(broker, "k1")

    again()
    taking.ack(first)
    if mends:  # nothing was promised yet: whoever has to know asks again, as the sweep does
        assert isinstance(broker, Broker)
        assert broker.absent("commands", ["k1"]) == ["k1"]
        again()
    found = next(taking)
    assert (found is not None) is mends
    assert client.hlen(KEYS.messages) == (1 if mends else 0)


def test_what_no_actor_takes_is_kept_with_the_reason(
    client: redis.Redis, broker: AnyBroker, *, mends: bool
) -> None:
    Handled(broker)
    put(broker, "k1")
    stored = command("k1").copy(actor_name="nobody", options={"redis_message_id": "k1"})
    client.hset(KEYS.messages, "k1", stored.encode())
    with working(broker):
        until(lambda: client.zcard(KEYS.dead), PATIENCE_S, "it is dead")
    kept = dramatiq.Message.decode(text(client.hget(KEYS.dead_messages, "k1")).encode())
    assert ("ActorNotFound" in kept.options.get("error", "")) is mends


@pytest.mark.parametrize(
    "error", [redis.ConnectionError("away"), redis.TimeoutError("slow"), redis.ReadOnlyError("replica")]
)
def test_any_error_of_redis_is_one_that_dramatiq_repeats(error: Exception, *, mends: bool) -> None:
    """A Redis that is read-only or full answers with errors that are no ``ConnectionError``."""
    with redis_away() as client:
        broker = Broker(client) if mends else RedisBroker(client=client, middleware=[])
        taking = broker.consume("commands", prefetch=1, timeout=1)
        repeated = mends or isinstance(error, redis.ConnectionError)
        expected = dramatiq.ConnectionClosed if repeated else type(error)
        with mock.patch.object(client, "evalsha", side_effect=error), pytest.raises(expected):
            next(taking)
