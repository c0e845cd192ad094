"""What was stored once is read by every later build: each form that was ever released."""

import pytest
from bson import json_util

from bus.messages.message import Message
from bus.messages.orders import OrderPlaced
from bus.messages.registry import from_stored, newest_data, to_stored
from bus.schema.forms import form
from tests.golden.golden import EVENTS, KINDS, STATES, Golden, all_golden, form_of

GOLDEN = all_golden()
NEWEST = {golden.name: golden for golden in sorted(GOLDEN, key=lambda golden: golden.version)}
OF_EVENTS = [golden for golden in GOLDEN if KINDS[golden.name] in EVENTS and golden.stored is not None]
OTHERS = [golden for golden in GOLDEN if KINDS[golden.name] not in EVENTS and golden.stored is not None]
"""Commands and their carriers have no upcasters: what a later version adds has a default."""


def named(golden: Golden) -> str:
    return f"{golden.name}.v{golden.version}"


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_there_is_one_of_every_version(kind: type[Message]) -> None:
    versions = sorted(golden.version for golden in GOLDEN if golden.name == kind.__name__)
    assert versions == [*range(1, kind.schema_version + 1)], "python -m tests.golden writes the newest"


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_no_form_changes_without_a_version(kind: type[Message]) -> None:
    golden = NEWEST[kind.__name__]
    assert form_of(kind) == golden.form, (
        f"{kind.__name__} has another form than version {golden.version}: raise its schema_version; for an"
        " event add the upcaster from the form before; then run python -m tests.golden"
    )


@pytest.mark.parametrize("golden", OF_EVENTS, ids=named)
def test_every_form_of_an_event_is_read_as_the_newest(golden: Golden) -> None:
    assert golden.stored is not None
    before = json_util.dumps(golden.stored)

    event = from_stored(golden.stored)

    assert type(event) is KINDS[golden.name]
    assert json_util.dumps(golden.stored) == before, "an upcaster changed what it was given"
    newest = to_stored(event)
    assert newest["v"] == KINDS[golden.name].schema_version
    assert newest_data(golden.stored).keys() == newest["data"].keys()
    assert from_stored(newest) == event


@pytest.mark.parametrize("golden", OTHERS, ids=named)
def test_every_form_of_a_command_is_read_and_the_newest_of_a_state(golden: Golden) -> None:
    """An older state is not read at all: the events are folded again."""
    kind = KINDS[golden.name]
    is_newest = golden.version == kind.schema_version
    if kind in STATES and not is_newest:
        return

    stored = kind.from_stored(golden.stored).model_dump()

    assert golden.stored is not None
    assert golden.stored.keys() <= stored.keys()
    assert not is_newest or stored.keys() == golden.stored.keys()


def test_the_first_form_of_an_order_was_sold_at_the_list_price() -> None:
    [first] = [golden.stored for golden in OF_EVENTS if named(golden) == "OrderPlaced.v1"]

    placed = from_stored(first or {})

    assert isinstance(placed, OrderPlaced)
    assert [(line.list_price, line.unit_price, line.discount) for line in placed.lines] == [
        (2500, 2500, 0),
        (450, 450, 0),
    ]
    assert placed.total == sum(line.line_total for line in placed.lines)


def test_a_form_is_fields_and_types_without_texts_and_limits() -> None:
    text = {"type": "string", "maxLength": 3, "title": "Name", "description": "Whose."}
    schema = {"type": "object", "title": "T", "properties": {"name": text}, "required": ["name"]}

    assert form(schema) == {
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
    }
