"""A story as far as the read models have got with it: behind, or with a stream parked."""

from bus.messages.streams import customer_stream, order_stream
from bus.messages.values import OrderStatus
from read_side.parked.parking import Parked
from read_side.projections import READ_MODELS
from tests.integration.api.both_sides import BothSides, home
from tests.integration.api.stories import O1, in_the_story, place, story
from tests.integration.spoiling import set_aside, spoil
from tests.support import messages


def test_a_parked_stream(both: BothSides) -> None:
    place(both)
    for status in (OrderStatus.CONFIRMED, OrderStatus.SHIPPED):
        both.write.do(messages.change_order_status(status, order_id=O1))
    seq = spoil(both.write, order_stream(O1), 2)
    both.read.drain()

    found = story(both, O1)

    assert found["commits"][1]["events"][0]["v"] == 99
    names = [row["name"] for row in found["read_models"]]
    every = [model.name for model in READ_MODELS]
    assert names == every, "nobody can say whom the event would not have concerned"
    parked: dict[str, Parked] = {one.name: one for one in both.read.parking.every()}
    for row in found["read_models"]:
        assert row["up_to_date"] is False
        assert row["position"] == row["last_commit"]
        assert row["others_parked"] == []
        aside = row["parked"]
        assert (aside["seq"], aside["waiting"]) == (seq, 1)
        assert aside["error"] == parked[row["name"]].error
        assert all(document["_pos"] < seq for document in row["documents"])
    assert in_the_story(found, "order_detail")["documents"][0]["status"] == "pending"
    assert found["state"]["status"] == "shipped"


def test_a_stream_of_which_nothing_can_be_read(both: BothSides) -> None:
    """Nobody can say what its events would fold into; that it is parked is known all the same."""
    both.write.do(messages.register_customer())
    spoil(both.write, customer_stream("c1"), 1)
    both.read.drain()

    found = story(both, "c1")

    assert {row["name"] for row in found["read_models"]} == {model.name for model in READ_MODELS}
    assert all(row["parked"] and row["documents"] == [] for row in found["read_models"])


def test_other_parked_streams_that_have_a_part_in_it(both: BothSides) -> None:
    place(both)
    both.read.drain()
    at = home(order_stream(O1))
    for name in ("order_detail", "order_summary"):
        set_aside(both.read.parking, name, at, customer_stream("c1"), 9)
    set_aside(both.read.parking, "order_detail", at, order_stream("another"), 9)
    set_aside(both.read.parking, "customers", at, order_stream("another"), 9)

    found = story(both, O1)

    others = {row["name"]: row["others_parked"] for row in found["read_models"] if row["others_parked"]}
    assert others == {
        "order_summary": [customer_stream("c1")],
        "order_detail": [customer_stream("c1")],
        "customers": [order_stream("another")],
    }
    assert all(row["parked"] is None for row in found["read_models"])


def test_a_read_model_that_is_behind(both: BothSides) -> None:
    place(both)
    both.read.drain()
    both.write.do(messages.change_order_status(OrderStatus.CONFIRMED, order_id=O1))
    both.read.run(READ_MODELS[1], home(order_stream(O1)))

    found = story(both, O1)

    up_to_date = [row["name"] for row in found["read_models"] if row["up_to_date"]]
    assert up_to_date == [READ_MODELS[1].name]
    assert {row["position"] for row in found["read_models"]} == {
        found["commits"][-1]["seq"],
        found["commits"][-1]["seq"] - 1,
    }
