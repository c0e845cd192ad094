"""``consistency=strong``: the document that the projector writes in the end, whatever is behind or parked."""

from collections.abc import Sequence
from unittest import mock

import pytest
from falcon import testing
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from bus.log.commit import Decision
from bus.log.log import Appended
from bus.messages.registry import AnyCommand
from bus.messages.streams import customer_stream, order_stream
from bus.messages.values import OrderStatus
from read_side.projections.order_detail import ORDER_DETAIL
from tests.integration.api.both_sides import BothSides, home
from tests.integration.sides import WriteSide, order_id
from tests.support import messages

ORDER = order_id("c1")
RENAMED = messages.change_customer(name="Ann Baker")
TINS = ({"product_id": "p1", "quantity": 3},)


def opening(both: BothSides) -> None:
    """Ann, Bob, a product; nothing projected."""
    both.write.do(messages.register_customer())
    both.write.do(messages.register_customer(customer_id="c2", name="Bob"))
    both.write.do(messages.add_product())


@pytest.fixture(autouse=True)
def _opened(both: BothSides) -> None:
    opening(both)


def placed(number: int = 1) -> AnyCommand:
    return messages.place_order(order_id=order_id("c1", number), items=TINS)


def moved(status: OrderStatus, number: int = 1) -> AnyCommand:
    return messages.change_order_status(status, order_id=order_id("c1", number), note="so")


def race(both: BothSides, order: AnyCommand, rename: AnyCommand) -> None:
    """The order is decided, the customer renamed, and only then the order appended."""
    handling = both.write.handling
    accepted, overtaking = both.write.accept(order), both.write.accept(rename)
    append = handling.decider.append
    elsewhere = WriteSide(both.write.database).handling

    def overtaken(decisions: Sequence[Decision]) -> list[Appended]:
        elsewhere(overtaking)
        return append(decisions)

    with mock.patch.object(handling.decider, "append", overtaken):
        handling(accepted)


def strong(both: BothSides, order: str = ORDER) -> testing.Result:
    return both.shop.staff.simulate_get(f"/orders/{order}?consistency=strong")


def project(both: BothSides) -> None:
    both.read.drain([ORDER_DETAIL])


def assert_it_is_what_is_written_in_the_end(both: BothSides, order: str = ORDER) -> testing.Result:
    before = strong(both, order)
    project(both)
    written = both.shop.staff.simulate_get(f"/orders/{order}")
    assert written.status_code == 200
    assert before.content == written.content
    tag = written.headers["etag"].strip('"')
    assert before.headers["etag"] == f'"{tag}.strong"', "they may differ in what is parked"
    assert strong(both, order).content == before.content
    return before


def test_before_the_projector_has_ever_run(both: BothSides) -> None:
    both.write.do(placed())
    assert both.shop.staff.simulate_get(f"/orders/{ORDER}").status_code == 404

    shown = assert_it_is_what_is_written_in_the_end(both).json

    assert (shown["customer_name"], shown["version"], shown["total"]) == ("Ann Archer", 1, 7500)


def test_while_the_projector_is_behind(both: BothSides) -> None:
    both.write.do(placed())
    project(both)
    both.write.do(moved(OrderStatus.CONFIRMED))
    assert both.shop.staff.simulate_get(f"/orders/{ORDER}").json["status"] == "pending"

    shown = assert_it_is_what_is_written_in_the_end(both).json

    assert [entry["status"] for entry in shown["history"]] == ["pending", "confirmed"]


@pytest.mark.parametrize("projected", [False, True])
def test_renamed_before(both: BothSides, projected: bool) -> None:  # noqa: FBT001
    both.write.do(RENAMED)
    if projected:
        project(both)
    both.write.do(placed())
    assert assert_it_is_what_is_written_in_the_end(both).json["customer_name"] == "Ann Baker"


@pytest.mark.parametrize("projected", [False, True])
def test_renamed_after(both: BothSides, projected: bool) -> None:  # noqa: FBT001
    both.write.do(placed())
    before = strong(both)
    if projected:
        project(both)
    both.write.do(RENAMED)
    after = assert_it_is_what_is_written_in_the_end(both)
    assert (before.json["customer_name"], after.json["customer_name"]) == ("Ann Archer", "Ann Baker")
    assert before.json["version"] == after.json["version"]
    assert before.headers["etag"] != after.headers["etag"]


@pytest.mark.parametrize("projected", [False, True])
def test_renamed_between_decision_and_append(both: BothSides, projected: bool) -> None:  # noqa: FBT001
    if projected:
        project(both)
    race(both, placed(), RENAMED)
    assert assert_it_is_what_is_written_in_the_end(both).json["customer_name"] == "Ann Baker"


@pytest.mark.parametrize("stream", [order_stream(ORDER), customer_stream("c1")])
def test_while_the_stream_is_parked(both: BothSides, stream: str) -> None:
    """It could be folded by now: an operator has only not unparked it yet."""
    both.write.do(placed())
    both.write.do(moved(OrderStatus.CONFIRMED))
    both.write.do(RENAMED)
    head = both.shop.log.head(home(stream))
    both.park("order_detail", stream, 1, home(stream))
    shown = strong(both)
    project(both)
    assert both.shop.staff.simulate_get(f"/orders/{ORDER}").content != shown.content

    assert (shown.json["status"], shown.json["customer_name"]) == ("confirmed", "Ann Baker")
    assert shown.headers["etag"] == f'"v2.1.{head}.strong"'


def test_unknown_and_somebody_elses_are_not_there(both: BothSides) -> None:
    both.write.do(placed())
    path = f"/orders/{ORDER}?consistency=strong"

    assert strong(both, "nope").status_code == 404
    assert both.shop.ann.simulate_get(path).status_code == 200
    hidden = both.shop.bob.simulate_get(path)
    assert hidden.status_code == 404
    assert hidden.json["type"] == "/problems/unknown-order"


@pytest.mark.parametrize("stream", [order_stream(ORDER), customer_stream("c1")])
def test_an_event_that_cannot_be_folded_leaves_no_answer(both: BothSides, stream: str) -> None:
    both.write.do(placed())
    both.write.do(moved(OrderStatus.CONFIRMED))
    commits = both.write.database.commits
    where = {"stream": stream, "version": 2 if stream.startswith("order-") else 1}
    assert commits.update_one(where, {"$set": {"events.0.type": "Abracadabra"}}).matched_count == 1

    result = strong(both)

    assert (result.status_code, result.json["type"]) == (503, "/problems/read-model-behind")
    assert result.headers["retry-after"] == "1"
    assert "Abracadabra" not in result.text


def test_it_is_a_conditional_request_too(both: BothSides) -> None:
    both.write.do(placed())
    etag = strong(both).headers["etag"]
    path = f"/orders/{ORDER}?consistency=strong"
    assert both.shop.staff.simulate_get(path, headers={"If-None-Match": etag}).status_code == 304
    assert both.shop.staff.simulate_get(f"/orders/{ORDER}?consistency=eventual").status_code == 404
    assert both.shop.staff.simulate_get(f"/orders/{ORDER}?consistency=weak").status_code == 400


numbers, names = st.integers(1, 2), st.sampled_from(["Ann", "Anna", "Anne"])
steps = st.one_of(
    st.builds(lambda name: messages.change_customer(name=name), names),
    st.builds(lambda mail: messages.change_customer(email=mail), st.sampled_from(["a@b.cd", "e@f.gh"])),
    st.builds(placed, numbers),
    st.builds(moved, st.sampled_from(OrderStatus), numbers),
    st.builds(lambda name: messages.change_customer(customer_id="c2", name=name), names),
    st.tuples(st.builds(placed, numbers), st.builds(lambda name: messages.change_customer(name=name), names)),
    st.just("project"),
)


def test_after_any_history_it_is_what_is_written_in_the_end(both: BothSides) -> None:
    orders = 0

    @given(st.lists(steps, min_size=2, max_size=12))
    @examples(deadline=None, max_examples=20)
    def check(history: list[AnyCommand | tuple[AnyCommand, AnyCommand] | str]) -> None:
        nonlocal orders
        both.start_anew()
        opening(both)
        for step in history:
            if isinstance(step, str):
                project(both)
            elif isinstance(step, tuple):
                race(both, *step)
            else:
                both.write.do(step)
        for number in (1, 2):
            order = order_id("c1", number)
            if both.shop.log.newest(home(order_stream(order)), order_stream(order)):
                assert_it_is_what_is_written_in_the_end(both, order)
                orders += 1

    check()
    assert orders, "no history had an order"
