"""What is made of a message that is dead, however broken it is."""

from datetime import UTC, datetime
from typing import Any

import bson
import pytest

from bus.connections.clients import CODEC
from bus.dead_letters import dead_letter
from bus.dead_letters.dead_letter import DeadLetter, LetterState
from tests.integration.graveyard import DIED_MS, payload
from tests.support import messages

DIED_AT = datetime.fromtimestamp(DIED_MS / 1000, UTC)


def collected(data: bytes | None, queue: str = "commands", died_ms: float = DIED_MS) -> DeadLetter:
    return DeadLetter.collected(queue, b"k1", died_ms, data)


def test_a_letter_says_what_it_was_and_when_it_died() -> None:
    letter = collected(payload())
    assert (letter.queue, letter.redis_id, letter.message_id) == ("commands", "k1", "k1")
    assert (letter.actor, letter.dead_at, letter.state) == ("handle_command", DIED_AT, LetterState.KEPT)
    assert isinstance(letter.message, str)


def test_the_same_death_is_the_same_letter_and_another_death_is_another() -> None:
    data = payload()
    assert collected(data) == collected(data)
    others = [
        collected(data, died_ms=DIED_MS + 1),
        collected(data, queue="customers"),
        collected(b"{}"),
        collected(None),
    ]
    assert len({letter.letter_id for letter in (collected(data), *others)}) == 5


UNKNOWN = messages.envelope().model_dump(mode="json") | {"command": {"type": "Dance"}}
TRACEBACK = 'Traceback (most recent call last):\n  File "x", line 1\nValueError: too much\n'


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (payload(options={"error": "UnknownMessageError: Dance"}), "UnknownMessageError: Dance"),
        (payload(options={"traceback": TRACEBACK}), "ValueError: too much"),
        (payload(actor_name="dance"), "unknown actor 'dance'"),
        (payload(kwargs={"envelope": UNKNOWN}), "unknown command: 1 validation error for CommandEnvelope"),
        (payload(kwargs={}), "unknown command: 1 validation error for CommandEnvelope"),
        (payload(), "its worker refused it and noted no reason"),
        (b"\xff\x00", "undecodable: "),
        (b"not json", "undecodable: "),
        (b"[]", "undecodable: "),
        (b'{"args": []}', "undecodable: TypeError"),
        (payload(options=None), "undecodable: its fields are not those of a message"),
        (None, "its message is gone from Redis"),
    ],
)
def test_the_reason_is_what_was_noted_or_else_what_is_wrong_with_it(data: bytes | None, reason: str) -> None:
    assert collected(data).reason.startswith(reason)


def test_a_bell_for_its_own_read_model_is_not_an_unknown_one() -> None:
    bell = payload(queue_name="customers", actor_name="customers", kwargs={"partition": 1})
    assert "noted no reason" in collected(bell, "customers").reason
    assert collected(payload(actor_name="handle_command"), "customers").reason.startswith("unknown actor")


SURROGATES = (
    b'{"queue_name":"commands","actor_name":"\\ud800","args":[],"kwargs":{},"options":{"error":"\\ud800"},'
    b'"message_id":{"a":1},"message_timestamp":"never"}'
)


@pytest.mark.parametrize(
    "data",
    [
        None,
        b"",
        b"\xff\xfe\x00",
        SURROGATES,
        payload(message_id="x" * 100_000, options={"error": "y" * 100_000}),
    ],
    ids=["gone", "empty", "bytes", "surrogates", "long"],
)
@pytest.mark.parametrize("died_ms", [DIED_MS, float("inf"), float("nan"), -1e300, 1e300])
def test_whatever_it_is_mongodb_can_keep_it(data: bytes | None, died_ms: float) -> None:
    letter = DeadLetter.collected("commands", b"\xff\x00k", died_ms, data)
    stored = bson.decode(bson.encode(letter.to_stored()), CODEC)
    restored = DeadLetter.from_stored(stored)
    assert restored.message == letter.message
    assert restored.letter_id == letter.letter_id
    assert len(letter.reason) <= dead_letter.MAX_REASON


def test_what_is_too_large_for_a_document_is_cut_and_cannot_be_delivered(monkeypatch: Any) -> None:
    monkeypatch.setattr(dead_letter, "MAX_PAYLOAD", 20)
    letter = collected(payload())
    assert letter.message == payload()[:20].decode()
    assert letter.size == len(payload())
    assert letter.to_deliver() is None


def test_it_is_delivered_as_when_it_was_first_sent() -> None:
    lived = {"redis_message_id": "k1", "retries": 7, "traceback": "…", "eta": 1, "error": "…", "mine": 1}
    message = collected(payload(options=lived, queue_name="commands.DQ")).to_deliver()
    assert message is not None
    assert message.options == {"mine": 1}
    assert (message.queue_name, message.actor_name, message.message_id) == (
        "commands",
        "handle_command",
        "k1",
    )
    assert message.kwargs["envelope"]["command_id"] == "k1"


@pytest.mark.parametrize("data", [None, b"", b"not json", b"\xff"])
def test_what_cannot_be_read_cannot_be_delivered(data: bytes | None) -> None:
    assert collected(data).to_deliver() is None
