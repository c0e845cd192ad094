"""The table of read models, and what is true of every one of them."""

from collections.abc import Mapping
from typing import Any

import mongomock
import pytest

from bus.messages.orders import OrderEvent
from bus.messages.registry import SCHEMA_VERSIONS, AnyEvent
from bus.messages.streams import partition_of
from bus.primitives.time_zones import time_zone
from read_side.projections import READ_MODELS, by_name, distinct, read_models
from read_side.projections.model import ReadModel
from tests.support import messages
from tests.support.messages import EXAMPLES
from tests.unit.projecting import PARTITIONS, place, project

each_model = pytest.mark.parametrize("model", READ_MODELS, ids=lambda model: model.name)


def test_the_contract_names_these_models() -> None:
    """And a shop may have more."""
    named = ["order_summary", "order_detail", "order_analytics", "product_sales", "customers", "products"]
    assert [model.name for model in READ_MODELS][: len(named)] == named


def test_two_models_cannot_share_a_name() -> None:
    with pytest.raises(ValueError, match="products"):
        distinct([by_name("products"), by_name("customers"), by_name("products")])


def test_an_unknown_name_is_told_what_there_is() -> None:
    with pytest.raises(LookupError, match=r"order_sumary.*order_summary"):
        by_name("order_sumary")


def test_the_examples_are_every_event() -> None:
    """A new event has its example in ``tests.support.messages``, and so is folded by every test below."""
    assert {event.type for event in EXAMPLES} == SCHEMA_VERSIONS.keys()


@pytest.mark.parametrize("name", ["order_summary", "order_detail"])
def test_every_event_of_an_order_raises_the_version_that_is_shown(name: str) -> None:
    """A model that misses one shows an ETag that changes too late."""
    for number, event in enumerate(EXAMPLES):
        if isinstance(event, OrderEvent):
            history = [each for each in EXAMPLES[: number + 1] if place(each)[0] == place(event)[0]]
            shown = project(by_name(name), *history).documents[event.order_id]
            assert shown["version"] == len(history), event.type


def test_a_shop_in_a_time_zone_has_the_same_models() -> None:
    there = read_models(time_zone("Asia/Kathmandu"))
    assert [model.name for model in there] == [model.name for model in READ_MODELS]
    by_days = {model.name for model in READ_MODELS if model.time_zone}
    assert by_days >= {"order_analytics", "product_sales"}
    for here, model in zip(READ_MODELS, there, strict=True):
        assert here.time_zone == ("UTC" if here.name in by_days else None)
        assert model.time_zone == ("Asia/Kathmandu" if here.name in by_days else None)
        assert model.version == here.version
        assert (model is here) == (here.name not in by_days)
        assert here.in_zone(time_zone("UTC")) is here


@each_model
def test_every_event_folds(model: ReadModel) -> None:
    assert project(model, *EXAMPLES).documents


@each_model
def test_an_event_that_concerns_nobody_would_change_nothing(model: ReadModel) -> None:
    """A fold meets such events only by mistake; it hands the document back."""
    untouched: dict[str, Any] = {"_id": "x"}
    for event in EXAMPLES:
        if not model.keys(event):
            recorded: Any = type("Recorded", (), {"event": event, "version": 1})
            assert model.fold(untouched, recorded) == untouched


@each_model
def test_a_blank_document_holds_no_field_of_the_projector(model: ReadModel) -> None:
    blanks = [blank for event in EXAMPLES for blank in model.keys(event)]
    assert blanks
    assert not {"_pos", "partition"} & {field for blank in blanks for field in blank}


def _of_another_partition(event: AnyEvent) -> AnyEvent:
    """The same of another customer and its orders, or of another product."""
    other = {"customer_id": "c2", "order_id": "o3", "product_id": "p2"}
    return event.model_copy(update={name: other[name] for name in other.keys() & type(event).model_fields})


@each_model
def test_a_document_is_written_by_one_partition_unless_it_is_shared(model: ReadModel) -> None:
    """Two partitions that write one document lose counts: each goes by the position in its own."""
    homes: dict[Any, set[int]] = {}
    for event in (*EXAMPLES, *map(_of_another_partition, EXAMPLES)):
        for blank in model.keys(event):
            homes.setdefault(blank["_id"], set()).add(partition_of(place(event)[1], PARTITIONS))
    assert len(set().union(*homes.values())) > 1, "the examples are in several partitions"
    in_several = {key: partitions for key, partitions in homes.items() if len(partitions) > 1}
    assert model.shared or not in_several, (
        f"{model.name} must be shared=True, for several partitions: {in_several}"
    )


@each_model
def test_whatever_a_rename_spreads_by_has_an_index(model: ReadModel) -> None:
    for event in EXAMPLES:
        where = model.spread(event)
        if where is not None:
            assert any({index.keys[0][0]} == where.keys() for index in model.indexes)


@pytest.mark.parametrize("name", ["order_summary", "order_detail"])
def test_a_rename_does_not_spread_to_the_remembered_name(name: str) -> None:
    model = by_name(name)
    where = model.spread(messages.customer_renamed())
    assert where == {"customer_id": "c1"}
    memory = project(model, messages.customer_registered()).documents["customer-c1"]
    assert not where.items() <= memory.items()


@each_model
def test_a_spread_has_an_index_while_a_rebuild_fills(model: ReadModel) -> None:
    spreads = [where for event in EXAMPLES if (where := model.spread(event)) is not None]
    assert all(tuple(where) == model.spreads_by for where in spreads)
    assert bool(spreads) == bool(model.spreads_by)
    assert len(model.indexes_to_fill) == bool(spreads)
    assert all(index in model.indexes for index in model.indexes_to_fill)


@each_model
def test_a_document_is_folded_from_the_streams_that_it_names(model: ReadModel) -> None:
    """And from no others; and a stream finds the documents that it is one of."""
    if model.sources is None:
        return
    for event in EXAMPLES:
        stream = place(event)[0]
        document = project(model, *_history_up_to(event)).documents
        touched = {blank["_id"] for blank in model.keys(event)}
        where = model.spread(event)
        for key, shown in document.items():
            reached = key in touched or (where is not None and where.items() <= shown.items())
            names_it = stream in model.sources.feeding(shown)
            assert names_it or not reached, (event.type, key)
            assert names_it == matches(model.sources.fed_by(stream), shown), (event.type, key)


def _history_up_to(event: AnyEvent) -> list[AnyEvent]:
    return EXAMPLES[: EXAMPLES.index(event) + 1]


def matches(where: Mapping[str, Any], document: dict[str, Any]) -> bool:
    """What MongoDB would find, as far as these filters go."""
    collection: Any = mongomock.MongoClient(tz_aware=True).read.any
    collection.insert_one(dict(document))
    return collection.find_one(where) is not None


def test_what_counts_many_streams_into_one_document_names_none() -> None:
    counting = {model.name for model in READ_MODELS if model.sources is None}
    assert counting >= {"order_analytics", "product_sales", "customers"}
    assert {model.name for model in READ_MODELS if model.shared} <= counting
