"""Doorbells on a real Redis: at most one waits, none is lost between its answer and the read."""

import pytest
import redis
from dramatiq import Message

from bus.notify import doorbells
from bus.notify.doorbells import Doorbells, bell
from bus.notify.notifier import APPENDS, appended
from bus.queue.broker import Broker
from bus.queue.keys import QueueKeys
from bus.settings import Settings
from tests.integration.commands_queue import text
from tests.support.waiting import until

SUMMARY = "order_summary"
DETAIL = "order_detail"


@pytest.fixture
def bells(client: redis.Redis) -> Doorbells:
    return Doorbells(client)


def fetched(client: redis.Redis, read_model: str) -> list[int]:
    """The partitions of the bells that a worker takes from a queue, all there are."""
    messages: list[bytes] = Broker(client).do_fetch(read_model, 100)
    return [Message.decode(message).kwargs["partition"] for message in messages]


def test_many_rings_are_one_bell_until_it_is_answered(client: redis.Redis, bells: Doorbells) -> None:
    assert [bells.ring([(SUMMARY, 3)]) for _ in range(5)] == [1, 0, 0, 0, 0]
    assert fetched(client, SUMMARY) == [3]
    assert bells.ring([(SUMMARY, 3)]) == 0
    bells.answer(SUMMARY, 3)
    assert [bells.ring([(SUMMARY, 3)]) for _ in range(2)] == [1, 0]
    assert fetched(client, SUMMARY) == [3]


def test_a_bell_rung_between_the_answer_and_the_read_is_kept(client: redis.Redis, bells: Doorbells) -> None:
    """Also when the worker acknowledges the earlier one only afterwards: they are not the same message."""
    bells.ring([(SUMMARY, 3)])
    broker = Broker(client)
    (earlier,) = broker.do_fetch(SUMMARY, 1)
    bells.answer(SUMMARY, 3)
    assert bells.ring([(SUMMARY, 3)]) == 1
    broker.do_ack(SUMMARY, Message.decode(earlier).options["redis_message_id"])
    assert fetched(client, SUMMARY) == [3]


def test_each_read_model_and_partition_has_a_bell_of_its_own(client: redis.Redis, bells: Doorbells) -> None:
    bells.ring([(SUMMARY, 1)])
    assert bells.ring([(SUMMARY, 0), (SUMMARY, 1), (DETAIL, 1), (SUMMARY, 0), (DETAIL, 2)]) == 3
    assert fetched(client, SUMMARY) == [1, 0]
    assert fetched(client, DETAIL) == [1, 2]
    bells.answer(SUMMARY, 1)
    assert bells.ring([(SUMMARY, 0), (DETAIL, 1), (SUMMARY, 1)]) == 1
    assert fetched(client, SUMMARY) == [1]


def test_ringing_nobody_is_nothing(client: redis.Redis, bells: Doorbells) -> None:
    assert bells.ring([]) == 0
    assert client.keys() == []


def test_mark_and_message_are_one_step(client: redis.Redis, bells: Doorbells) -> None:
    """Redis is asked once, by one script, however many bells are rung."""
    bells.ring([("loads_the_script", 0)])
    client.config_resetstat()
    bells.ring([(SUMMARY, 0), (SUMMARY, 1), (DETAIL, 0)])
    asked = client.info("commandstats")
    assert asked["cmdstat_evalsha"]["calls"] == 1
    assert asked["cmdstat_set"]["calls"] == asked["cmdstat_rpush"]["calls"] == 3
    assert not {"cmdstat_multi", "cmdstat_eval"} & asked.keys()


def test_a_mark_whose_message_is_gone_expires(
    client: redis.Redis, bells: Doorbells, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doorbells, "MARK_TTL_MS", 1)
    bells.ring([(SUMMARY, 3)])
    assert fetched(client, SUMMARY) == [3]
    until(lambda: bells.ring([(SUMMARY, 3)]), 10, "the mark has expired")
    assert fetched(client, SUMMARY) == [3]


def test_a_bell_that_waits_is_not_rung_again_however_old_it_is(
    client: redis.Redis, bells: Doorbells, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So while no worker runs, they do not pile up."""
    monkeypatch.setattr(doorbells, "MARK_TTL_MS", 0)
    assert [bells.ring([(SUMMARY, 3)]) for _ in range(5)] == [1, 0, 0, 0, 0]
    assert fetched(client, SUMMARY) == [3]
    assert bells.ring([(SUMMARY, 3)]) == 1


def test_every_mark_expires(client: redis.Redis, bells: Doorbells) -> None:
    bells.ring([(SUMMARY, 3), (DETAIL, 0)])
    bells.silence([DETAIL], 1)
    marks = client.keys("twofold:*")
    assert len(marks) == 3
    assert all(client.pttl(mark) > 0 for mark in marks)


def test_a_silence_leaves_the_mark_of_a_bell_that_waits(client: redis.Redis, bells: Doorbells) -> None:
    bells.ring([(SUMMARY, 3)])
    bells.silence([SUMMARY, DETAIL], 3)
    bells.end_silence([SUMMARY, DETAIL], 3)
    assert bells.ring([(SUMMARY, 3)]) == 0
    bells.answer(SUMMARY, 3)
    assert fetched(client, SUMMARY) == [3]
    bells.silence([SUMMARY], 3)
    assert bells.ring([(SUMMARY, 3)]) == 0
    bells.end_silence([SUMMARY], 3)
    assert bells.ring([(SUMMARY, 3)]) == 1


def test_who_insists_is_heard_in_a_silence(client: redis.Redis, bells: Doorbells) -> None:
    bells.silence([SUMMARY], 3)
    assert [bells.ring([(SUMMARY, 3)], insist=True) for _ in range(2)] == [1, 0], "one is enough"
    assert fetched(client, SUMMARY) == [3]


def test_an_append_is_told_in_one_trip_and_rings_only_where_it_is_not_silent(
    client: redis.Redis, bells: Doorbells
) -> None:
    bells.silence([SUMMARY], 3)
    assert bells.tell([SUMMARY], [3]) == 0
    client.config_resetstat()
    with client.pubsub() as heard:
        heard.subscribe(APPENDS)
        assert heard.get_message(timeout=5)
        assert bells.tell([SUMMARY, DETAIL], [3, 4]) == 3
        message = heard.get_message(timeout=5)
        assert message["data"].decode().split("\n") == [appended(3), appended(4)]
    assert fetched(client, SUMMARY) == [4]
    assert fetched(client, DETAIL) == [3, 4]
    assert bells.tell([], [3]) == 0


def test_an_append_is_not_told_to_a_server_that_is_read_only(
    client: redis.Redis, bells: Doorbells, settings: Settings
) -> None:
    """Marks are there as on the primary, and nobody listens."""
    bells.silence([SUMMARY], 3)
    client.replicaof("127.0.0.1", 1)
    try:
        with pytest.raises(redis.RedisError):
            bells.tell([SUMMARY], [3])
    finally:
        with redis.Redis.from_url(settings.redis_url.get_secret_value()) as plain:
            plain.replicaof("NO", "ONE")


def test_only_one_bell_is_delayed_for_a_reason(client: redis.Redis, bells: Doorbells) -> None:
    broker = Broker(client)
    assert broker.enqueue_later(bell(SUMMARY, 3), 60_000, "held")
    assert not broker.enqueue_later(bell(SUMMARY, 3), 1, "held")
    assert broker.enqueue_later(bell(SUMMARY, 3), 60_000, "hole")
    assert client.hlen(QueueKeys(SUMMARY).delayed.messages) == 2
    assert bells.ring([(SUMMARY, 3)]) == 1


def test_the_keys_are_those_of_dramatiq_and_marks_under_a_prefix_of_their_own(
    client: redis.Redis, bells: Doorbells
) -> None:
    bells.ring([(SUMMARY, 3)])
    assert set(client.keys()) == {
        b"dramatiq:order_summary",
        b"dramatiq:order_summary.msgs",
        b"twofold:bell:order_summary:3",
    }
    (message_id,) = client.lrange("dramatiq:order_summary", 0, -1)
    stored = client.hget("dramatiq:order_summary.msgs", text(message_id))
    message = Message.decode(text(stored).encode())
    assert (message.queue_name, message.actor_name) == (SUMMARY, SUMMARY)
    assert (message.args, message.kwargs) == ((), {"partition": 3})
    assert message.options == {"redis_message_id": text(message_id)}
