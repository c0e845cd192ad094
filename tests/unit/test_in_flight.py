"""What a batch is made of: the order of acceptance, and shares that leave room for others."""

from collections import Counter
from itertools import count
from typing import Any

from bson import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from bus.inbox.inbox import InboxEntry
from bus.messages.outcome import CommandStatus
from bus.messages.registry import AnyCommand
from tests.support import messages
from tests.support.messages import ANN
from write_side.handling import in_flight as module
from write_side.handling.in_flight import BATCH, CALLER_SHARE, SHARE, InFlight

_numbers = count(1)


def entry(command: AnyCommand, **over: Any) -> InboxEntry:
    """A command accepted after all those before."""
    number = next(_numbers)
    return InboxEntry(
        envelope=messages.envelope(command_id=f"k{number}", command=command, **over),
        partition=0,
        status=CommandStatus.ACCEPTED,
        accepted_ts=Timestamp(1, number),
        request=None,
        outcome=None,
        finished_at=None,
    )


def repriced(product_id: str, **over: Any) -> InboxEntry:
    return entry(messages.change_product(product_id=product_id, unit_price=7), **over)


def ordered(product_id: str) -> InboxEntry:
    items = ({"product_id": product_id, "quantity": 1},)
    return entry(messages.place_order(order_id=f"o{next(_numbers)}", items=items))


def batch(*entries: InboxEntry) -> tuple[InboxEntry, ...]:
    in_flight = InFlight()
    in_flight.add(reversed(entries))
    return in_flight.batch().entries


def test_the_order_is_that_of_acceptance_however_they_came() -> None:
    entries = [repriced(f"p{number}") for number in range(10)]
    assert batch(*entries) == tuple(entries)


def test_a_stream_has_its_share_and_what_comes_later_is_in_the_same_batch() -> None:
    burst = [repriced("hot") for _ in range(3 * SHARE)]
    later = repriced("other")
    assert batch(*burst, later) == (*burst[:SHARE], later)


def test_what_depends_on_one_that_was_passed_over_is_passed_over_too() -> None:
    burst = [repriced("hot") for _ in range(SHARE + 1)]
    of_it, of_another = ordered("hot"), ordered("other")
    after_the_order = repriced("other")
    assert batch(*burst, of_it, of_another, after_the_order) == (*burst[:SHARE], of_another, after_the_order)
    of_both = entry(
        messages.place_order(
            items=({"product_id": "hot", "quantity": 1}, {"product_id": "third", "quantity": 1})
        )
    )
    read_by_it = repriced("third")  # decided first, it would be seen by an order that came before it
    assert batch(*burst, of_both, read_by_it) == tuple(burst[:SHARE])


def test_an_order_at_the_price_set_before_it_is_in_the_batch_with_it() -> None:
    pairs = [one for _ in range(SHARE) for one in (repriced("hot"), ordered("hot"))]
    assert batch(*pairs) == tuple(pairs)


def test_a_caller_has_its_share_if_there_are_others() -> None:
    flood = [repriced(f"p{number}", by=ANN) for number in range(2 * CALLER_SHARE)]
    later = repriced("other")
    assert batch(*flood, later) == (*flood[:CALLER_SHARE], later)
    assert batch(*flood) == tuple(flood[:BATCH])


def test_a_batch_is_bounded_and_so_is_what_is_looked_at(monkeypatch: Any) -> None:
    assert len(batch(*(repriced(f"p{number}") for number in range(2 * BATCH)))) == BATCH
    monkeypatch.setattr(module, "LOOKED_AT", 10)
    burst = [repriced("hot") for _ in range(SHARE + 10)]
    assert batch(*burst, repriced("other")) == tuple(burst[:SHARE])


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=150))
def test_whatever_comes_a_batch_leaves_nothing_behind_that_it_depends_on(
    drawn: list[tuple[str, bool]],
) -> None:
    entries = [ordered(product) if is_order else repriced(product) for product, is_order in drawn]
    taken = {one.command_id for one in batch(*entries)}
    assert bool(taken) == bool(entries)
    left: list[InboxEntry] = []
    changes: Counter[str] = Counter()
    for one in entries:
        command = one.envelope.command
        if one.command_id not in taken:
            left.append(one)
            continue
        changes[command.stream] += 1
        assert not any(command.depends_on(before.envelope.command) for before in left)
    assert max(changes.values(), default=0) <= SHARE
