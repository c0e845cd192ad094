"""Each thing that a history can violate is found, under its name and under no other."""

from collections.abc import Sequence

from bus.messages.streams import id_of
from tests.failover.checks.table import violations
from tests.failover.history.exchange import Exchange, Look
from tests.failover.history.history import Decided, History
from tests.failover.told import (
    CUSTOMER,
    ORDER,
    PRODUCT,
    accepted,
    decided,
    strong,
    told,
    unanswered,
    with_token,
)


def found(
    exchanges: Sequence[Exchange], log: Sequence[Decided], looks: Sequence[Look] = ()
) -> dict[str, int]:
    """How many violations there are, of each kind of which there are any."""
    history = History(exchanges, looks, log)
    return {name: len(lines) for name, lines in violations(history).items() if lines}


# A customer is registered as "Ann" and renamed "Bea"; a product costs 5, then 6; Ann's order is placed for 6.
STORY = [
    told("c1", 1, 2),
    told("c2", 3, 4),
    told("p1", 1, 2, client="b"),
    accepted("p2", 3, 4, client="b"),
    told("o1", 5, 6),
]
LOG = [
    decided("c1", CUSTOMER, 1, "Ann"),
    decided("c2", CUSTOMER, 2, "Bea"),
    decided("p1", PRODUCT, 1, 5),
    decided("p2", PRODUCT, 2, 6),
    decided("o1", ORDER, 1, customer="Bea", product=6),
]


def test_nothing_is_found_where_all_is_well() -> None:
    looks = [
        strong(7, 8, order=1, customer="Bea"),
        strong(7, 8, status=503),
        with_token("c2", 5, 6, 2),
        with_token("c2", 6, 7, None, status=503),
    ]
    assert found(STORY, LOG, looks) == {}


def test_a_command_that_was_never_decided() -> None:
    assert found([*STORY, accepted("c3", 7, 8)], LOG) == {"one decision": 1}


def test_a_command_that_was_decided_twice() -> None:
    twice = Decided("id-c1", "product-q", 1, 1)
    assert found(STORY, [*LOG, twice]) == {"one decision": 1}


def test_a_repeat_that_is_told_another_command() -> None:
    assert found([*STORY, accepted("c2", 8, 9, command="id-p2")], LOG) == {"one decision": 1}


def test_a_repeat_that_is_told_another_order() -> None:
    first = Exchange("a", "o1", 5, 6, 202, "id-o1", subject=id_of(ORDER))
    again = Exchange("a", "o1", 7, 8, 201, "id-o1", subject="another")
    assert found([*STORY, first, again], LOG) == {"one decision": 1}


def test_an_answer_that_names_another_order_than_was_placed() -> None:
    named = Exchange("a", "o1", 7, 8, 202, "id-o1", subject="another")
    assert found([*STORY, named], LOG) == {"one decision": 1}


def test_an_answer_with_another_version_than_the_log_has() -> None:
    assert found([*STORY, told("c2", 8, 9, version=3)], LOG) == {"one decision": 1}


def test_a_request_without_an_answer_violates_nothing() -> None:
    assert found([*STORY, unanswered("c9", 1, 9)], LOG) == {}


def test_an_outcome_that_was_told_stands_behind_a_later_command() -> None:
    log = [decided("c1", CUSTOMER, 2, "Ann"), decided("c2", CUSTOMER, 1, "Bea")]
    assert found([told("c1", 1, 2), told("c2", 3, 4)], log) == {"order": 1}


def test_a_command_that_was_accepted_stands_behind_a_later_one() -> None:
    log = [decided("c1", CUSTOMER, 2, "Ann"), decided("c2", CUSTOMER, 1, "Bea")]
    assert found([accepted("c1", 1, 2), accepted("c2", 3, 4, client="b")], log) == {"order": 1}


def test_commands_at_the_same_time_may_come_in_either_order() -> None:
    log = [decided("c1", CUSTOMER, 2, "Ann"), decided("c2", CUSTOMER, 1, "Bea")]
    assert found([accepted("c1", 1, 3), accepted("c2", 2, 4, client="b")], log) == {}


def test_a_command_that_was_asked_for_again_is_as_old_as_its_first_request() -> None:
    log = [decided("c1", CUSTOMER, 2, "Ann"), decided("c2", CUSTOMER, 1, "Bea")]
    exchanges = [accepted("c1", 4, 5), unanswered("c2", 3, 4), accepted("c2", 6, 7)]
    assert found(exchanges, log) == {}, "it may have been kept by the request that nobody answered"


def test_a_success_that_changes_nothing_and_missed_an_earlier_change() -> None:
    nothing = Decided("id-c3", CUSTOMER, 3, 1, effect=False)
    assert found([*STORY, accepted("c3", 5, 6)], [*LOG, nothing]) == {"order": 1}


def test_a_success_that_changes_nothing_and_saw_a_later_change() -> None:
    nothing = Decided("id-c0", CUSTOMER, 3, 2, effect=False)
    assert found([*STORY, accepted("c0", 2.2, 2.5)], [*LOG, nothing]) == {"order": 1}


def test_an_order_at_a_price_that_had_been_changed_before() -> None:
    log = [*LOG[:-1], decided("o1", ORDER, 1, customer="Bea", product=5)]
    assert found(STORY, log) == {"facts": 1}


def test_an_order_at_a_price_that_was_asked_for_later() -> None:
    exchanges = [*STORY, accepted("p3", 7, 8, client="b")]
    log = [*LOG[:-1], decided("p3", PRODUCT, 3, 7), decided("o1", ORDER, 1, customer="Bea", product=7)]
    assert found(exchanges, log) == {"facts": 1}


def test_an_order_at_the_same_time_as_a_change_may_have_either_price() -> None:
    exchanges = [*STORY, accepted("p3", 5.5, 8, client="b")]
    for price in (6, 7):
        log = [
            *LOG[:-1],
            decided("p3", PRODUCT, 3, 7),
            decided("o1", ORDER, 1, customer="Bea", product=price),
        ]
        assert found(exchanges, log) == {}


def test_an_order_with_a_name_that_had_been_changed_before() -> None:
    log = [*LOG[:-1], decided("o1", ORDER, 1, customer="Ann", product=6)]
    assert found(STORY, log) == {"facts": 1}


def test_a_version_that_stands_below_the_one_before_it() -> None:
    log = [decided("c1", CUSTOMER, 1, "Ann", seq=3), *LOG[1:]]
    assert found(STORY, log) == {"positions": 1}


def test_an_order_that_stands_below_the_name_that_it_took_over() -> None:
    log = [*LOG[:-1], decided("o1", ORDER, 1, customer="Bea", product=6, seq=1)]
    assert found(STORY, log) == {"positions": 1}


def test_a_strong_read_without_an_outcome_that_had_been_told() -> None:
    assert found(STORY, LOG, [strong(7, 8, order=1, customer="Ann")]) == {"strong reads": 1}


def test_a_strong_read_that_does_not_find_what_had_been_told() -> None:
    assert found(STORY, LOG, [strong(7, 8, status=404)]) == {"strong reads": 1}


def test_a_strong_read_without_what_a_read_before_it_has_shown() -> None:
    exchanges = [*STORY, accepted("c3", 5, 9)]
    log = [*LOG, decided("c3", CUSTOMER, 3, "Cas")]
    looks = [strong(7, 8, order=1, customer="Cas"), strong(8.1, 8.2, order=1, customer="Bea", client="q")]
    assert found(exchanges, log, looks) == {"strong reads": 1}


def test_a_strong_read_need_not_show_what_is_told_while_it_is_under_way() -> None:
    assert found(STORY, LOG, [strong(3.5, 9, order=1, customer="Ann")]) == {}


def test_a_read_that_does_not_honour_its_token() -> None:
    assert found(STORY, LOG, [with_token("c2", 5, 6, 1)]) == {"tokens": 1}


def test_a_read_that_does_not_find_what_its_token_stands_for() -> None:
    assert found(STORY, LOG, [with_token("c2", 5, 6, None, status=404)]) == {"tokens": 1}


def test_a_read_that_goes_back_behind_what_its_client_has_seen() -> None:
    looks = [with_token("c1", 5, 6, 2), with_token("c1", 7, 8, 1)]
    assert found(STORY, LOG, looks) == {"monotonic": 1}


def test_where_several_write_a_token_stands_for_its_own_command_alone() -> None:
    exchanges = [told("c1", 1, 2), told("c2", 3, 4, client="b")]
    looks = [with_token("c1", 5, 6, 2), with_token("c1", 7, 8, 1)]
    assert found(exchanges, LOG[:2], looks) == {}


def test_a_name_that_nobody_gave() -> None:
    assert found(STORY, LOG, [strong(7, 8, order=1, customer="Eve")]) == {"never was": 1}


def test_a_version_that_nobody_had_asked_for() -> None:
    assert found(STORY, LOG, [with_token("c1", 2.1, 2.2, 2)]) == {"never was": 1}
