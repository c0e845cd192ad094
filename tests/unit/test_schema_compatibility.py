"""The verdict on a change of a message: which build reads what the other one has stored."""

from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from bus.schema.compatibility import Compatibility, Verdict, compare
from bus.schema.forms import Described, all_messages

FULL, BACKWARD, FORWARD, NONE = Verdict.FULL, Verdict.BACKWARD, Verdict.FORWARD, Verdict.NONE


class Line(BaseModel):
    sku: str
    count: int


class Before(BaseModel):
    name: str = Field(min_length=1, max_length=10, pattern="^[a-z]*$")
    mood: Literal["calm", "hasty"]
    count: int = Field(ge=0, le=10)
    lines: list[Line] = Field(max_length=5)
    note: str | None = None


def described(kind: str = "command", version: int = 1, since: int | None = None, **fields: Any) -> Described:
    """The message of before with other fields; ``...`` takes one away."""
    kept = {name: (info.annotation, info) for name, info in Before.model_fields.items() if name not in fields}
    changed = {name: field for name, field in fields.items() if field is not ...}
    message = _model(kept | changed)
    return Described.of("Message", kind, version, message.model_json_schema(), since)


def _model(fields: dict[str, Any]) -> type[BaseModel]:
    annotations = {name: field[0] for name, field in fields.items()}
    defaults = {name: field[1] for name, field in fields.items() if len(field) > 1}
    return type("Message", (BaseModel,), {"__annotations__": annotations, **defaults})


def verdict(old: Described, new: Described) -> Compatibility:
    [found] = compare({"Message": old}, {"Message": new})
    return found


@pytest.mark.parametrize(
    ("change", "expected", "reason"),
    [
        ({}, FULL, None),
        ({"extra": (str | None, None)}, FULL, None),
        ({"extra": (str,)}, FORWARD, "extra is not there"),
        ({"name": ...}, BACKWARD, "name is not there"),
        ({"note": ...}, FULL, None),
        (
            {"name": (str | None, Field(min_length=1, max_length=10, pattern="^[a-z]*$"))},
            BACKWARD,
            "name is null",
        ),
        ({"name": (int,)}, NONE, "name is string, not integer"),
        ({"count": (int, Field(ge=0, le=100))}, BACKWARD, "count may be above its maximum 10"),
        ({"count": (int, Field(ge=1, le=10))}, FORWARD, "count may be below its minimum 1"),
        ({"name": (str, Field(max_length=10, pattern="^[a-z]*$"))}, BACKWARD, "below its minLength 1"),
        (
            {"name": (str, Field(min_length=1, max_length=9, pattern="^[a-z]*$"))},
            FORWARD,
            "above its maxLength 9",
        ),
        ({"name": (str, Field(min_length=1, max_length=10))}, BACKWARD, "name has another pattern"),
        (
            {"name": (str, Field(min_length=1, max_length=9, pattern="^[a-z0-9]*$"))},
            BACKWARD,
            "name has another pattern",
        ),
        ({"lines": (list[Line], Field(max_length=6))}, BACKWARD, "lines may be above its maxItems 5"),
        ({"mood": (Literal["calm", "hasty", "gone"],)}, BACKWARD, "mood may be calm, gone, hasty, not only"),
        ({"mood": (Literal["calm"],)}, FORWARD, "mood may be calm, hasty, not only calm"),
        ({"mood": (str,)}, BACKWARD, "mood may be string, not only calm, hasty"),
        ({"note": (str,)}, FORWARD, "note is null, not string"),
    ],
)
def test_a_change_of_a_field(change: dict[str, Any], expected: Verdict, reason: str | None) -> None:
    found = verdict(described(), described(**change))

    assert found.verdict is expected, found.reasons
    assert found.reads_what_is_stored == (expected in {FULL, BACKWARD})
    assert (reason is None and not found.reasons) or any(str(reason) in why for why in found.reasons)


def test_a_change_within_a_line_is_found() -> None:
    class Longer(Line):
        price: int

    found = verdict(described(), described(lines=(list[Longer], Field(max_length=5))))

    assert (found.verdict, found.reasons) == (
        FORWARD,
        ("this build cannot read the other's: lines[].price is not there",),
    )


@pytest.mark.parametrize(
    ("new", "expected", "reason"),
    [
        (described("event", 2, extra=(str,)), BACKWARD, "version 2 is not marked as readable since 1"),
        (described("event", 2, since=1, extra=(str,)), FULL, "version 1 is upcast to 2"),
        (described("event", 2, since=1, name=...), BACKWARD, "name is not there"),
        (described("event", 3, since=2), BACKWARD, "version 3 is not marked as readable since 1"),
    ],
)
def test_between_versions_of_an_event_stand_its_upcasters(
    new: Described, expected: Verdict, reason: str
) -> None:
    found = verdict(described("event"), new)

    assert found.verdict is expected, found.reasons
    assert any(reason in why for why in found.reasons)


def test_an_older_version_does_not_read_a_newer_one() -> None:
    assert verdict(described("event", 2), described("event")).verdict is FORWARD


def test_what_is_gone_cannot_be_read_and_what_is_new_is_refused_by_the_older() -> None:
    gone, new = compare({"A": described()}, {"B": described()})

    assert (gone.name, gone.verdict, gone.reads_what_is_stored) == ("A", NONE, False)
    assert (new.name, new.verdict, new.reads_what_is_stored) == ("B", BACKWARD, True)


def test_the_messages_of_this_build_are_fully_compatible_with_themselves() -> None:
    present = {one.name: one for one in all_messages()}

    assert {one.verdict for one in compare(present, present)} == {FULL}
    assert {"OrderPlaced", "PlaceOrder", "CommandEnvelope", "Outcome"} <= present.keys()
