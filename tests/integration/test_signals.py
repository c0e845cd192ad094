"""Announcements: who expects them is woken, and nothing that is said over Redis silences the listener."""

from collections.abc import Iterator

import pytest
import redis

from bus.notify.notifier import CHANNEL, Signals, announce, announce_positions, finished, reached
from tests.waiting import until

PATIENCE_S = 10


@pytest.fixture
def signals(client: redis.Redis) -> Iterator[Signals]:
    signals = Signals(client)
    signals.start()
    until(lambda: client.pubsub_numsub(CHANNEL)[0][1], PATIENCE_S, "a listener")
    yield signals
    signals.stop()


def test_who_expects_a_topic_is_woken_and_nobody_else(signals: Signals, client: redis.Redis) -> None:
    with signals.expect([finished("k1")]) as one, signals.expect([finished("k2")]) as other:
        announce(client, [finished("k1"), finished("k3")])
        assert one.wait(PATIENCE_S)
        assert not other.is_set()


def test_a_position_is_heard_before_who_expects_it_is_woken(signals: Signals, client: redis.Redis) -> None:
    topic = reached("products", 1, 3)
    with signals.expect([topic]) as woken:
        announce_positions(client, {topic: 42})
        assert woken.wait(PATIENCE_S)
    assert signals.position(topic) == 42
    assert signals.position(reached("products", 2, 3)) == 0


@pytest.mark.parametrize("noise", [b"\xff\xfe", b"reached:products.g1/3=many", b"", b"=\n=1", "٤=٤".encode()])
def test_noise_on_the_channel_harms_nobody(signals: Signals, client: redis.Redis, noise: bytes) -> None:
    client.publish(CHANNEL, noise)
    with signals.expect([finished("k1")]) as woken:
        announce(client, [finished("k1")])
        assert woken.wait(PATIENCE_S)
    assert signals.alive


def test_waiters_are_woken_to_look_for_themselves(signals: Signals) -> None:
    with signals.expect([finished("k1")]) as woken:
        signals.wake_all()
        assert woken.is_set()
