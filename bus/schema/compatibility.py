"""Compares two JSON Schemas of a message, and tells whether the change is compatible.

``backward``: this build reads what the other one has stored. ``forward``: the other one reads what
this one stores. The words are those of Confluent's schema registry. In both directions a reader
ignores fields that it does not know. Every field is stored, also one that has its default.

Upcasters stand between two versions of an event. The golden files (``tests/golden``) show that they
lead from each old form to the newest. Two patterns cannot be compared. A changed pattern is taken
to be wider: what was stored within the old one is in the golden files too.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bus.schema.forms import Described

Schema = Mapping[str, Any]


class Verdict(StrEnum):
    """The ways in which two builds that differ in a message can live together."""

    FULL = "full"
    BACKWARD = "backward"
    FORWARD = "forward"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Compatibility:
    """The verdict on one message; ``reasons`` say why it is not full, and what else matters."""

    name: str
    verdict: Verdict
    reasons: tuple[str, ...] = ()

    @property
    def reads_what_is_stored(self) -> bool:
        return self.verdict in {Verdict.FULL, Verdict.BACKWARD}


_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")


def compare(old: Mapping[str, Described], new: Mapping[str, Described]) -> list[Compatibility]:
    """Return the verdict on each message of either build, by name."""
    return [_compared(name, old.get(name), new.get(name)) for name in sorted({*old, *new})]


def _compared(name: str, old: Described | None, new: Described | None) -> Compatibility:
    if new is None:
        return Compatibility(name, Verdict.NONE, ("it is gone: what is stored of it cannot be read",))
    if old is None:
        return Compatibility(name, Verdict.BACKWARD, ("it is new: an older build refuses it",))
    backward, forward = _backward(old, new), _forward(old, new)
    verdict = {
        (True, True): Verdict.FULL,
        (True, False): Verdict.BACKWARD,
        (False, True): Verdict.FORWARD,
        (False, False): Verdict.NONE,
    }[not backward, not forward]
    told = [f"this build cannot read the other's: {why}" for why in backward]
    told += [f"the other build cannot read this one's: {why}" for why in forward]
    if new.version > old.version and new.kind == "event":
        told.append(f"version {old.version} is upcast to {new.version}")
    return Compatibility(name, verdict, tuple(told))


def _backward(old: Described, new: Described) -> list[str]:
    if new.version < old.version:
        return [f"it has version {old.version}, newer than {new.version}"]
    if new.version > old.version and new.kind == "event":
        return []
    return list(_unread(new.schema, old.schema, "", both_ways=False))


def _forward(old: Described, new: Described) -> list[str]:
    since = new.version if new.readable_since is None else new.readable_since
    if new.kind == "event" and new.version > old.version and since > old.version:
        return [f"version {new.version} is not marked as readable since {old.version}"]
    return list(_unread(old.schema, new.schema, "", both_ways=True))


def _unread(reader: Schema, writer: Schema, place: str, *, both_ways: bool) -> Iterator[str]:
    """Yield why a reader of one schema may refuse what a writer of the other stores."""
    if "anyOf" in writer:
        for each in writer["anyOf"]:
            yield from _unread(reader, each, place, both_ways=both_ways)
        return
    if "anyOf" in reader:
        tries = [list(_unread(each, writer, place, both_ways=both_ways)) for each in reader["anyOf"]]
        if all(tries):
            alike = [
                why for each, why in zip(reader["anyOf"], tries, strict=True) if _type(each) == _type(writer)
            ]
            yield from (alike or [[f"{place or 'it'} may be {_named(writer)}"]])[0]
        return
    if (allowed := _values(reader)) is not None:
        if (stored := _values(writer)) is None or not stored <= allowed:
            yield f"{place} may be {_named(writer)}, not only {_named(reader)}"
        return
    if _type(reader) not in {None, _type(writer)}:
        yield f"{place or 'it'} is {_named(writer)}, not {_named(reader)}"
        return
    yield from _limits(reader, writer, place, both_ways=both_ways)
    yield from _inside(reader, writer, place, both_ways=both_ways)


def _inside(reader: Schema, writer: Schema, place: str, *, both_ways: bool) -> Iterator[str]:
    if "items" in reader and "items" in writer:
        yield from _unread(reader["items"], writer["items"], f"{place}[]", both_ways=both_ways)
    stored = writer.get("properties", {})
    for name, field in reader.get("properties", {}).items():
        inner = f"{place}.{name}" if place else name
        if name in stored:
            yield from _unread(field, stored[name], inner, both_ways=both_ways)
        elif name in reader.get("required", ()):
            yield f"{inner} is not there"


def _limits(reader: Schema, writer: Schema, place: str, *, both_ways: bool) -> Iterator[str]:
    if reader.get("pattern", writer.get("pattern")) != writer.get("pattern"):
        if both_ways:
            yield f"{place} has another pattern"
        return  # a pattern may say how long a text is, too
    for limit in _LOWER:
        if limit in reader and writer.get(limit, float("-inf")) < reader[limit]:
            yield f"{place} may be below its {limit} {reader[limit]}"
    for limit in _UPPER:
        if limit in reader and writer.get(limit, float("inf")) > reader[limit]:
            yield f"{place} may be above its {limit} {reader[limit]}"


def _type(schema: Schema) -> str | None:
    return schema.get("type")


def _values(schema: Schema) -> frozenset[Any] | None:
    if "const" in schema:
        return frozenset({schema["const"]})
    return frozenset(schema["enum"]) if "enum" in schema else None


def _named(schema: Schema) -> str:
    values = _values(schema)
    return ", ".join(map(str, sorted(values))) if values is not None else str(_type(schema))
