"""The form of a message: its fields, their types, and which of them must be there.

The form is the JSON Schema of the message's class without texts and limits. Limits (lengths,
ranges, patterns) are left out because a wider limit needs no new version: what was stored within
the old one is read as before. ``bus.schema.compatibility`` looks at them all the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from bus.messages.envelope import CommandEnvelope
from bus.messages.message import Message
from bus.messages.outcome import Outcome
from bus.messages.registry import AnyCommand, AnyEvent

Schema = dict[str, Any]

_OF_THE_FORM = frozenset({"type", "properties", "required", "items", "anyOf", "enum", "const", "format"})


@dataclass(frozen=True, slots=True)
class Described:
    """A message as ``python -m bus schema`` prints it; ``kind`` is event, command or carrier."""

    name: str
    kind: str
    version: int
    schema: Schema
    readable_since: int | None = None

    @classmethod
    def of(
        cls, name: str, kind: str, version: int, schema: Schema, readable_since: int | None
    ) -> "Described":
        """Describe a message by the JSON Schema of its class, as pydantic makes it."""
        return cls(name, kind, version, _without_references(schema), readable_since)


def all_messages() -> list[Described]:
    """Return every stored message: events, commands, and what carries a command and its outcome."""
    by_kind = {
        "event": get_args(get_args(AnyEvent)[0]),
        "command": get_args(get_args(AnyCommand)[0]),
        "carrier": (CommandEnvelope, Outcome),
    }
    return [described(message, kind) for kind, messages in by_kind.items() for message in messages]


def described(message: type[Message], kind: str) -> Described:
    """Describe one message; ``kind`` is one of those of ``Described``, or ``state``."""
    since = getattr(message, "readable_since", None)
    return Described.of(message.__name__, kind, message.schema_version, message.model_json_schema(), since)


def _without_references(schema: Schema) -> Schema:
    """Return one schema without references; the command in an envelope is an object, no more."""
    definitions = schema.pop("$defs", {})
    if "command" in schema["properties"]:
        schema["properties"]["command"] = {"type": "object"}
    return dict(_resolved(schema, definitions))


def form(schema: Mapping[str, Any]) -> Schema:
    """Return the part of a schema that must not change without a new version."""
    kept = {key: value for key, value in schema.items() if key in _OF_THE_FORM}
    if "properties" in kept:
        kept["properties"] = {name: form(inner) for name, inner in sorted(kept["properties"].items())}
        kept["required"] = sorted(kept.get("required", ()))
    if "items" in kept:
        kept["items"] = form(kept["items"])
    if "anyOf" in kept:
        kept["anyOf"] = [form(inner) for inner in kept["anyOf"]]
    return kept


def _resolved(schema: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_resolved(each, definitions) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    if "$ref" in schema:
        named = definitions[schema["$ref"].rpartition("/")[2]]
        return _resolved({**named, **{k: v for k, v in schema.items() if k != "$ref"}}, definitions)
    return {key: _resolved(value, definitions) for key, value in schema.items()}
