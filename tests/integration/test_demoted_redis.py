"""A Redis that becomes a replica while its connections stay open: it is left at once, and told of once."""

import threading
from collections.abc import Iterator

import pytest
import redis
from structlog.testing import capture_logs

from api.local.ports import HOST
from bus.connections.clients import probe_redis, redis_client
from bus.connections.redis_pool import tell_of_demotions
from bus.notify.doorbells import Doorbells
from bus.notify.notifier import CHANNEL, Notifier, announce, finished
from bus.observability import outages
from bus.observability.outages import Dependency, Outages
from bus.queue.broker import Broker
from bus.settings import Settings
from tests.integration.commands_queue import command, consumer_of
from tests.integration.redis_set import PATIENCE_S, Member
from tests.support.relay import Relay
from tests.support.waiting import until

LEFT = "left a Redis that became read-only"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Member, Member]]:
    folder = tmp_path_factory.mktemp("demoted")
    with Member(folder / "a") as old, Member(folder / "b") as new:
        yield old, new


@pytest.fixture
def pair(servers: tuple[Member, Member]) -> tuple[Member, Member]:
    """Two primaries, of which the first is going to follow the second."""
    for server in servers:
        server.start_over()
    return servers


@pytest.fixture
def address(pair: tuple[Member, Member]) -> Iterator[Relay]:
    with Relay(pair[0].port) as relay:
        yield relay


@pytest.fixture
def client(address: Relay) -> Iterator[redis.Redis]:
    with redis_client(Settings(redis_url=f"redis://{HOST}:{address.port}/0")) as client:
        yield client


def demote(pair: tuple[Member, Member], address: Relay) -> None:
    old, new = pair
    address.target = new.port
    old.follow(new)


def test_what_is_asked_next_goes_to_the_new_primary(
    pair: tuple[Member, Member], address: Relay, client: redis.Redis
) -> None:
    doorbells = Doorbells(client)
    client.set("k", 1)
    doorbells.ring([("products", 0)])
    demote(pair, address)

    with capture_logs() as logged:
        assert [client.set("k", n) for n in range(5)] == [True] * 5
        assert doorbells.ring([("products", 1)]) == 1  # a script, which the new primary has to be given
        with client.pipeline(transaction=True) as pipeline:
            pipeline.set("k", 2)
            assert pipeline.execute() == [True]
    assert [line["event"] for line in logged] == [LEFT]
    with pair[1].client() as new:
        assert new.get("k") == "2"


def test_a_consumer_that_blocks_finds_the_new_primary(
    pair: tuple[Member, Member], address: Relay, client: redis.Redis
) -> None:
    consumer = consumer_of(Broker(client))
    found: list[str] = []

    def consume() -> None:
        while not found:
            if (message := next(consumer)) is not None:
                found.append(message.message_id)

    consuming = threading.Thread(target=consume, daemon=True)
    consuming.start()
    with pair[0].client() as old:
        until(lambda: old.info("clients")["blocked_clients"], PATIENCE_S, "a consumer that blocks")
    demote(pair, address)
    with redis_client(Settings(redis_url=pair[1].url)) as elsewhere:
        Broker(elsewhere).enqueue(command("m1"))
    consuming.join(PATIENCE_S)
    assert found == ["m1"]


def test_idle_connections_are_left_with_the_first_that_meets_it(
    pair: tuple[Member, Member], address: Relay, client: redis.Redis
) -> None:
    pool = client.connection_pool
    idle = [pool.get_connection() for _ in range(3)]
    for connection in idle:
        pool.release(connection)
    demote(pair, address)
    client.set("k", 1)
    assert sum(connection.is_connected for connection in idle) == 1  # the one that met it, made anew


def test_the_listener_of_signals_follows(
    pair: tuple[Member, Member], address: Relay, client: redis.Redis
) -> None:
    """Also where the former primary hears nothing of what the new one is told."""
    notifier = Notifier(client)
    notifier.start()
    try:
        with pair[0].client() as old, pair[1].client() as new:
            until(lambda: old.pubsub_numsub(CHANNEL)[0][1], PATIENCE_S, "a listener")
            demote(pair, address)
            until(lambda: new.pubsub_numsub(CHANNEL)[0][1], PATIENCE_S, "a listener of the new primary")
            with notifier.expect([finished("k1")]) as woken:
                announce(new, [finished("k1")])
                assert woken.wait(PATIENCE_S)
    finally:
        notifier.stop()
        notifier.thread.join(PATIENCE_S)  # it would log into a later test that its client is closed


def test_a_ping_hides_what_the_probe_tells(pair: tuple[Member, Member], client: redis.Redis) -> None:
    old, new = pair
    old.follow(new)
    assert client.ping()
    with pytest.raises(redis.ConnectionError, match="is read-only"):
        probe_redis(client)


def test_while_there_is_no_new_primary_one_line_says_so_and_one_when_there_is(
    pair: tuple[Member, Member], address: Relay, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outages, "QUIET_S", 0.0)
    known = Outages({Dependency.REDIS: lambda: probe_redis(client)}, threading.Event())
    tell_of_demotions(client, known.noticed)
    client.set("k", 1)
    pair[0].follow(pair[1])
    with capture_logs() as logged:
        for _ in range(5):
            with pytest.raises(redis.ConnectionError) as refusal:
                client.set("k", 2)
            assert known.noticed(refusal.value)
            known.look()  # a ping would call it back
        address.target = pair[1].port
        client.set("k", 2)
        known.look()
    assert [line["event"] for line in logged] == ["a server is away", "a server is back"]
