"""Announcements: who expects them is woken, and nothing that is said over Redis silences the listener."""

from collections.abc import Iterator

import pytest
import redis

from bus.notify.notifier import CHANNEL, Notifier, announce, announce_positions, finished, reached

PATIENCE_S = 10


@pytest.fixture
def notifier(client: redis.Redis) -> Iterator[Notifier]:
    """A notifier that has noticed that it listens, for which it wakes everybody to look.

    Redis counts it as a listener a moment earlier. A test would take that waking for its own announcement.
    """
    notifier = Notifier(client)
    with notifier.expect([finished("nothing")]) as listens:
        notifier.start()
        assert listens.wait(PATIENCE_S), "a listener"
    yield notifier
    notifier.stop()
    notifier.thread.join(PATIENCE_S)  # its client is about to be closed


def test_who_expects_a_topic_is_woken_and_nobody_else(notifier: Notifier, client: redis.Redis) -> None:
    with notifier.expect([finished("k1")]) as one, notifier.expect([finished("k2")]) as other:
        announce(client, [finished("k1"), finished("k3")])
        assert one.wait(PATIENCE_S)
        assert not other.is_set()


def test_a_position_is_heard_before_who_expects_it_is_woken(notifier: Notifier, client: redis.Redis) -> None:
    topic = reached("products", 1, 3)
    with notifier.expect([topic]) as woken:
        announce_positions(client, {topic: 42})
        assert woken.wait(PATIENCE_S)
    assert notifier.position(topic) == 42
    assert notifier.position(reached("products", 2, 3)) == 0


@pytest.mark.parametrize("noise", [b"\xff\xfe", b"reached:products.g1/3=many", b"", b"=\n=1", "٤=٤".encode()])
def test_noise_on_the_channel_harms_nobody(notifier: Notifier, client: redis.Redis, noise: bytes) -> None:
    client.publish(CHANNEL, noise)
    with notifier.expect([finished("k1")]) as woken:
        announce(client, [finished("k1")])
        assert woken.wait(PATIENCE_S)
    assert notifier.alive


def test_waiters_are_woken_to_look_for_themselves(notifier: Notifier) -> None:
    with notifier.expect([finished("k1")]) as woken:
        notifier.wake_all()
        assert woken.is_set()
