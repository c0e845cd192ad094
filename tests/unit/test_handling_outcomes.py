"""What a decision means for the one who asked."""

from typing import Any
from unittest import mock

import pytest
from bson import Timestamp

from bus.inbox.command_records import outcome_of
from bus.inbox.inbox import InboxEntry
from bus.log.commit import Commit
from bus.messages.outcome import CommandStatus, Outcome
from bus.messages.rejection import FieldError, Rejection, RejectionKind
from bus.messages.streams import order_stream
from tests.support.messages import NOW, customer_renamed, envelope, place_order
from write_side.handling import outcomes
from write_side.handling.decisions import States

STREAM = "order-o1"
TAKEN = Rejection(kind=RejectionKind.CONFLICT, code="id-taken", detail="There already is one.")
UNKNOWN = Rejection(kind=RejectionKind.NOT_FOUND, code="unknown-order", detail="There is none.")
INVALID = Rejection(
    kind=RejectionKind.INVALID,
    code="unknown-product",
    detail="items.0.product_id: there is no product p9",
    errors=(FieldError(field="items.0.product_id", message="there is no product p9"),),
)
ENTRY = InboxEntry(
    envelope=envelope(),
    partition=3,
    status=CommandStatus.ACCEPTED,
    accepted_ts=Timestamp(1, 1),
    attempts=0,
    request=None,
    outcome=None,
    finished_at=None,
)


def _commit(**over: Any) -> Commit:
    return Commit(**{"partition": 3, "seq": 8, "command_id": "k1", "at": NOW, **over})


@pytest.mark.parametrize(
    ("version", "state", "total"),
    [
        (1, {"total": 6350}, 6350),
        (1, {"total": 0}, 0),
        (2, {"total": 6350}, None),  # only placing an order says what it comes to
        (1, {"name": "Ann"}, None),
        (1, None, None),
    ],
)
def test_a_commit_is_a_success(version: int, state: dict[str, Any] | None, total: int | None) -> None:
    commit = _commit(stream=STREAM, version=version, state=state)
    assert outcome_of(commit) == Outcome(
        status=CommandStatus.SUCCEEDED, stream=STREAM, partition=3, seq=8, version=version, total=total
    )


@pytest.mark.parametrize(
    ("errors", "kept", "detail"),
    [(20, 20, INVALID.detail), (200, 20, f"{INVALID.detail} (180 more errors than are listed)")],
)
def test_a_refusal_is_kept_with_twenty_errors_at_most(errors: int, kept: int, detail: str) -> None:
    wrong = tuple(FieldError(field=f"items.{n}.product_id", message="unknown") for n in range(errors))
    rejection = INVALID.model_copy(update={"errors": wrong})
    stored = Outcome.from_stored(outcomes.without_events(ENTRY, rejection, 4)).rejection
    assert stored is not None
    assert (stored.errors, stored.detail) == (wrong[:kept], detail)
    assert stored.cut() == stored


@pytest.mark.parametrize("rejection", [TAKEN, UNKNOWN, INVALID])
def test_a_refusal_comes_back_from_the_log_as_it_was(rejection: Rejection) -> None:
    kept = outcomes.without_events(ENTRY, rejection, 4)
    assert outcome_of(_commit(outcome=kept)) == Outcome(
        status=CommandStatus.REJECTED, stream=STREAM, partition=3, seq=8, rejection=rejection
    )


def test_what_changed_nothing_succeeded_at_the_version_there_was() -> None:
    kept = outcomes.without_events(ENTRY, None, 4)
    assert outcome_of(_commit(outcome=kept)) == Outcome(
        status=CommandStatus.SUCCEEDED, stream=STREAM, partition=3, seq=8, version=4
    )


def test_a_failure_says_why_and_has_no_place_in_the_log() -> None:
    assert outcomes.failed(ENTRY, ZeroDivisionError("a bug")) == Outcome(
        status=CommandStatus.FAILED, stream=STREAM, partition=3, error="ZeroDivisionError: a bug"
    )


@pytest.mark.parametrize("decided", [(customer_renamed(),), (), TAKEN, UNKNOWN, INVALID])
@pytest.mark.parametrize("expected", [None, (4,), (1, 4)])
def test_a_decision_stands_where_the_version_is_as_expected(
    decided: Any, expected: tuple[int, ...] | None
) -> None:
    assert outcomes.with_precondition(decided, expected, 4) == decided


@pytest.mark.parametrize("decided", [(customer_renamed(),), (), TAKEN, INVALID])
@pytest.mark.parametrize(
    ("expected", "detail"),
    [
        ((3,), "It is at version 4, not at 3."),
        ((3, 5), "It is at version 4, not at 3 or 5."),
        ((), "It is at version 4, not at any."),
    ],
)
def test_all_else_yields_to_another_version(decided: Any, expected: tuple[int, ...], detail: str) -> None:
    assert outcomes.with_precondition(decided, expected, 4) == Rejection(
        kind=RejectionKind.VERSION_MISMATCH, code="version-mismatch", detail=detail
    )


@pytest.mark.parametrize("expected", [(), (0,), (1,)])
def test_an_unknown_target_comes_before_its_version(expected: tuple[int, ...]) -> None:
    assert outcomes.with_precondition(UNKNOWN, expected, 0) == UNKNOWN


def test_a_kind_of_fact_that_no_decision_knows_is_named() -> None:
    kind = type(place_order())
    streams = mock.PropertyMock(return_value=(order_stream("o7"),))
    with (
        mock.patch.object(kind, "fact_streams", streams),
        pytest.raises(LookupError, match="knows no order, so order-o7"),
    ):
        States({}, 4, NOW).decide(ENTRY)
