"""Orders: the life of a placed one."""

from datetime import datetime
from itertools import product as pairs

import pytest

from bus.messages.orders import OrderEvent
from bus.messages.principal import Principal, Role
from bus.messages.rejection import RejectionKind
from bus.messages.values import OrderStatus
from tests.support.messages import (
    ANN,
    BOB,
    NOW,
    PLACED_AT,
    SECOND,
    STAFF,
    change_order_status,
    facts,
    order_cancelled,
    order_confirmed,
    order_delivered,
    order_placed,
    order_shipped,
    place_order,
)
from tests.unit.scenario import given
from write_side.domain.orders import evolve

PENDING, CONFIRMED, SHIPPED, DELIVERED, CANCELLED = OrderStatus

LIVES: dict[OrderStatus, tuple[OrderEvent, ...]] = {
    PENDING: (order_placed(),),
    CONFIRMED: (order_placed(), order_confirmed()),
    SHIPPED: (order_placed(), order_confirmed(), order_shipped()),
    DELIVERED: (order_placed(), order_confirmed(), order_shipped(), order_delivered()),
    CANCELLED: (order_placed(), order_cancelled()),
}
MOVES: dict[tuple[OrderStatus, OrderStatus], OrderEvent] = {
    (PENDING, CONFIRMED): order_confirmed(),
    (CONFIRMED, SHIPPED): order_shipped(),
    (SHIPPED, DELIVERED): order_delivered(),
    (PENDING, CANCELLED): order_cancelled(),
    (CONFIRMED, CANCELLED): order_cancelled(old_status=CONFIRMED),
}
FORBIDDEN = [(a, b) for a, b in pairs(OrderStatus, OrderStatus) if a != b and (a, b) not in MOVES]


@pytest.mark.parametrize(("old", "new"), MOVES)
def test_the_moves_of_the_contract(old: OrderStatus, new: OrderStatus) -> None:
    given(*LIVES[old]).when(change_order_status(new)).then(MOVES[old, new])


@pytest.mark.parametrize(("old", "new"), FORBIDDEN)
def test_every_other_move_is_refused_and_names_both(old: OrderStatus, new: OrderStatus) -> None:
    decided = given(*LIVES[old]).when(change_order_status(new))
    rejection = decided.refused("status-not-allowed", RejectionKind.CONFLICT)
    assert old in rejection.detail
    assert new in rejection.detail


@pytest.mark.parametrize("status", OrderStatus)
def test_setting_the_status_it_has_changes_nothing(status: OrderStatus) -> None:
    given(*LIVES[status]).when(change_order_status(status)).quiet()


@pytest.mark.parametrize("occurred_at", [PLACED_AT - SECOND, NOW + SECOND])
def test_setting_the_status_it_has_is_quiet_whatever_time_is_given(occurred_at: object) -> None:
    given(*LIVES[CONFIRMED]).when(change_order_status(CONFIRMED, occurred_at=occurred_at)).quiet()


def test_whether_is_told_before_when() -> None:
    command = change_order_status(SHIPPED, occurred_at=NOW + SECOND)
    given(order_placed()).when(command).refused("status-not-allowed", RejectionKind.CONFLICT)


def test_the_note_is_kept() -> None:
    command = change_order_status(CANCELLED, note="ordered twice")
    given(order_placed()).when(command).then(order_cancelled(note="ordered twice"))


def test_an_order_that_is_not_there() -> None:
    given().when(change_order_status()).refused("unknown-order", RejectionKind.NOT_FOUND)


def test_somebody_elses_order_is_refused_in_the_words_of_one_that_is_not_there() -> None:
    command, bobs = change_order_status(CANCELLED), facts(by=BOB)
    foreign = given(order_placed()).when(command, bobs).came_to
    assert foreign == given().when(command, bobs).came_to
    assert foreign == given().when(command).came_to


@pytest.mark.parametrize("status", OrderStatus)
def test_somebody_else_learns_nothing_of_its_status(status: OrderStatus) -> None:
    decided = given(*LIVES[status]).when(change_order_status(CANCELLED), facts(by=BOB))
    decided.refused("unknown-order", RejectionKind.NOT_FOUND)


@pytest.mark.parametrize("by", [ANN, STAFF, Principal(role=Role.STAFF, subject="c2")])
def test_the_owner_and_staff_may_cancel(by: Principal) -> None:
    given(order_placed()).when(change_order_status(CANCELLED), facts(by=by)).then(order_cancelled())


def test_a_given_time_is_when_it_happened() -> None:
    then = PLACED_AT + SECOND
    given(order_placed()).when(change_order_status(occurred_at=then)).then(order_confirmed(at=then))


@pytest.mark.parametrize("limit", [PLACED_AT, NOW])
def test_a_given_time_may_be_the_last_entrys_or_now(limit: object) -> None:
    given(order_placed()).when(change_order_status(occurred_at=limit)).then(order_confirmed(at=limit))


def test_a_given_time_in_the_future_is_refused() -> None:
    command = change_order_status(occurred_at=NOW + SECOND)
    decided = given(order_placed()).when(command)
    decided.refused("occurred-at-in-future", RejectionKind.INVALID, "occurred_at")


def test_a_given_time_before_the_placing_is_refused() -> None:
    command = change_order_status(occurred_at=PLACED_AT - SECOND)
    decided = given(order_placed()).when(command)
    decided.refused("occurred-at-too-early", RejectionKind.INVALID, "occurred_at")


def test_a_given_time_before_the_last_change_is_refused() -> None:
    command = change_order_status(SHIPPED, occurred_at=NOW - SECOND)
    decided = given(*LIVES[CONFIRMED]).when(command)
    decided.refused("occurred-at-too-early", RejectionKind.INVALID, "occurred_at")


def test_a_time_that_nobody_gave_is_moved_up_to_the_last_entrys() -> None:
    slow_clock = facts(at=PLACED_AT - SECOND)
    given(order_placed()).when(change_order_status(), slow_clock).then(order_confirmed(at=PLACED_AT))


@pytest.mark.parametrize("given_time", [PLACED_AT - 3 * SECOND, PLACED_AT - SECOND, PLACED_AT])
def test_a_clock_that_was_put_right_makes_no_given_time_wrong(given_time: datetime) -> None:
    """The order was placed by a clock that was fast: by the right one it is not that late yet."""
    put_right = facts(at=PLACED_AT - SECOND)
    command = change_order_status(occurred_at=given_time)
    given(order_placed()).when(command, put_right).then(order_confirmed(at=PLACED_AT))


def test_after_that_a_time_in_the_future_is_refused_all_the_same() -> None:
    put_right = facts(at=PLACED_AT - SECOND)
    decided = given(order_placed()).when(change_order_status(occurred_at=PLACED_AT + SECOND), put_right)
    decided.refused("occurred-at-in-future", RejectionKind.INVALID, "occurred_at")


def test_each_change_is_the_status_and_the_time_of_the_last_entry() -> None:
    placed = evolve(None, order_placed())
    confirmed = evolve(placed, order_confirmed())
    assert confirmed == placed.model_copy(update={"status": CONFIRMED, "changed_at": NOW})


@pytest.mark.parametrize("status", [CONFIRMED, SHIPPED, DELIVERED, CANCELLED])
def test_a_history_begins_with_its_placing(status: OrderStatus) -> None:
    with pytest.raises(ValueError, match="cannot follow"):
        given(*LIVES[status][1:]).when(place_order())
