"""Every message comes back from JSON and from BSON as it went."""

from typing import Any, get_args

import bson
import pytest
from bson.codec_options import CodecOptions
from hypothesis import given
from hypothesis import strategies as st

from bus.errors import UnknownMessageError
from bus.messages.envelope import CommandEnvelope
from bus.messages.message import Event, Message
from bus.messages.outcome import CommandStatus, Outcome
from bus.messages.registry import SCHEMA_VERSIONS, AnyCommand, AnyEvent, from_stored, to_stored
from bus.messages.rejection import FieldError, Rejection, RejectionKind
from tests.support.messages import envelope, order_placed, product_added
from tests.support.newer_build import newer
from tests.unit.strategies import COMMANDS, EVENTS, envelopes
from write_side.domain.products import Product

REFUSED = Outcome(
    status=CommandStatus.REJECTED,
    stream="order-o1",
    partition=0,
    rejection=Rejection(
        kind=RejectionKind.INVALID, code="c", detail="d", errors=(FieldError(field="f", message="m"),)
    ),
)
TEAPOT = Product(product_id="p1", name="Teapot", unit_price=1, currency="EUR", discontinued=False)
AWARE: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)


def through_bson(document: dict[str, Any]) -> dict[str, Any]:
    return bson.decode(bson.encode(document), AWARE)


def test_no_message_is_left_out_here() -> None:
    assert set(EVENTS) == set(get_args(get_args(AnyEvent)[0]))
    assert set(COMMANDS) == set(get_args(get_args(AnyCommand)[0]))
    assert set(SCHEMA_VERSIONS) == {kind.__name__ for kind in EVENTS}


@pytest.mark.parametrize("kind", EVENTS)
@given(data=st.data())
def test_an_event_comes_back_from_the_log(kind: type[Event], data: st.DataObject) -> None:
    event = data.draw(EVENTS[kind])
    stored = to_stored(event)
    assert from_stored(stored) == event
    assert from_stored(through_bson(stored)) == event
    assert type(from_stored(stored)) is kind


@pytest.mark.parametrize("kind", COMMANDS)
@given(data=st.data())
def test_a_command_comes_back_from_the_queue_and_the_inbox(kind: type[Any], data: st.DataObject) -> None:
    sent = data.draw(envelopes(COMMANDS[kind]))
    assert CommandEnvelope.model_validate_json(sent.model_dump_json()) == sent
    assert CommandEnvelope.from_stored(sent.to_stored()) == sent
    received = CommandEnvelope.from_stored(through_bson(sent.to_stored()))
    assert received == sent
    assert type(received.command) is kind


def test_the_log_says_type_version_and_data() -> None:
    assert to_stored(product_added()) == {
        "type": "ProductAdded",
        "v": 1,
        "data": {"product_id": "p1", "name": "Teapot", "unit_price": 2500, "currency": "EUR"},
    }


def test_times_are_stored_as_times() -> None:
    placed = order_placed()
    assert through_bson(to_stored(placed))["data"]["placed_at"] == placed.placed_at


@pytest.mark.parametrize("strange", [{"type": "ProductEaten"}, {"v": 2}, {"v": 0}])
def test_an_event_of_an_unknown_type_or_version_is_not_guessed_at(strange: dict[str, Any]) -> None:
    with pytest.raises(UnknownMessageError):
        from_stored(to_stored(product_added()) | strange)


@pytest.mark.parametrize("kind", EVENTS)
@given(data=st.data())
def test_an_event_with_fields_of_a_newer_build_is_read_without_them(
    kind: type[Event], data: st.DataObject
) -> None:
    event = data.draw(EVENTS[kind])
    assert from_stored(newer(through_bson(to_stored(event)))) == event


@pytest.mark.parametrize("kind", COMMANDS)
@given(data=st.data())
def test_a_command_with_fields_of_a_newer_build_is_read_without_them(
    kind: type[Any], data: st.DataObject
) -> None:
    sent = data.draw(envelopes(COMMANDS[kind]))
    assert CommandEnvelope.from_stored(newer(through_bson(sent.to_stored()))) == sent


@pytest.mark.parametrize("stored", [REFUSED, TEAPOT], ids=["outcome", "state"])
def test_fields_of_a_newer_build_are_an_error_unless_they_are_stored(stored: Message) -> None:
    with pytest.raises(ValueError, match="Extra inputs are not permitted"):
        type(stored).model_validate(newer(stored.model_dump()))
    assert type(stored).from_stored(newer(stored.model_dump())) == stored


@pytest.mark.parametrize("strange", [{"envelope_version": 2}, {"command": {"type": "EatProduct"}}])
def test_an_envelope_that_this_build_does_not_know_is_refused(strange: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        CommandEnvelope.from_stored(envelope().to_stored() | strange)
