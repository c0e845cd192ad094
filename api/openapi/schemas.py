"""JSON schemas (2020-12) of the contents of requests and answers.

Answers are described strictly: every field that is not optional is required, and there is no other
field. Only the stored events that the feed hands on may hold more.

Generators of clients read this too. So every schema has a title of its own, which is its name. Two
schemas with one title would become one class, and openapi-python-client leaves out everything that
needs the other one. And no field of a request has a default: for openapi-typescript a caller must
send a field that has one, and openapi-python-client sends it.
"""

import types
from collections.abc import Iterable, Mapping
from dataclasses import is_dataclass
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

import typing_extensions
from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import core_schema

from api.http.queries import Query
from api.resources.shapes import CommandState, FeedEvent
from bus.dead_letters.dead_letter import LetterState
from bus.dead_letters.failures import Failure, FailureKind
from bus.messages.customers import CustomerEvent
from bus.messages.message import Event
from bus.messages.orders import OrderEvent
from bus.messages.products import ProductEvent
from bus.messages.registry import AnyCommand
from bus.messages.values import Address, OrderStatus
from read_side.parked.retried import Result, Retried
from read_side.projections.order_detail import HistoryEntry, OrderDetail
from read_side.projections.order_summary import OrderSummary
from read_side.projections.staleness import Stale
from read_side.rebuild.rebuild_requests import RequestState
from read_side.rebuild.rebuild_status import READY, RebuildStatus

Schema = dict[str, Any]
SCHEMAS = "#/components/schemas/"

_COMMANDS = tuple(command.__name__ for command in get_args(get_args(AnyCommand)[0]))
_EVENTS = tuple(get_args(CustomerEvent) + get_args(ProductEvent) + get_args(OrderEvent))

REFINED: Mapping[tuple[type, str], Any] = {
    (OrderSummary, "status"): OrderStatus,
    (OrderDetail, "status"): OrderStatus,
    (OrderDetail, "shipping_address"): Address | None,
    (HistoryEntry, "status"): OrderStatus,
    (CommandState, "type"): Literal[_COMMANDS],
    (Stale, "since"): Annotated[datetime, Field(examples=["2024-05-01T12:00:00.000Z"])],
    (Failure, "kind"): Literal[tuple(kind.value for kind in FailureKind)],
    (Failure, "state"): Literal[tuple(state.value for state in LetterState)],
    (RebuildStatus, "state"): Literal[(*(state.value for state in RequestState), READY)],
    (Retried, "result"): Literal[tuple(result.value for result in Result)],
    (FeedEvent, "type"): Literal[tuple(event.__name__ for event in _EVENTS)],
    (FeedEvent, "data"): Union[_EVENTS],  # noqa: UP007 - of a tuple
}
"""The exact types of fields whose shapes give only a wider type, such as ``str``."""


_SPACES = r"\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
r"""The characters of ``\s``, within brackets, to the regular expressions that check requests.

In JSON Schema (ECMA-262) ``\s`` has others: not U+0085, but U+FEFF.
"""


class Generator(GenerateJsonSchema):
    """Pydantic's generator, but it describes answers strictly and gives fields no titles."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        return False

    def field_is_required(self, field: Any, total: bool) -> bool:  # noqa: FBT001 - pydantic's signature
        given = self.mode == "serialization" and field["type"] == "model-field"
        return given or super().field_is_required(field, total)

    def str_schema(self, schema: core_schema.StringSchema) -> JsonSchemaValue:
        described = super().str_schema(schema)
        if "pattern" in described:
            described["pattern"] = described["pattern"].replace(r"\s", _SPACES)
        return described

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """Return a model's schema; of an event, without ``type`` and with room for further fields.

        An event's type stands beside its data. A newer build may have stored more data.
        """
        described = super().model_schema(schema)
        if self.mode == "validation" and not issubclass(schema["cls"], Query):
            for field in described.get("properties", {}).values():
                field.pop("default", None)
        if self.mode == "serialization":
            described.pop("additionalProperties", None)
        if self.mode == "serialization" and issubclass(schema["cls"], Event):
            del described["properties"]["type"]
            described["required"].remove("type")
        return described


def describe(
    taken: Iterable[type], given: Iterable[type]
) -> tuple[Mapping[type, Schema], Mapping[str, Schema]]:
    """Return references by type, and the components that they refer to.

    Requests carry the types ``taken`` in, answers hold those ``given`` out.
    """
    inputs: list[tuple[type, JsonSchemaMode, TypeAdapter[Any]]] = [
        (kind, "validation", TypeAdapter(kind)) for kind in dict.fromkeys(taken)
    ]
    outputs: list[tuple[type, JsonSchemaMode, TypeAdapter[Any]]] = [
        (kind, "serialization", TypeAdapter(_readable(kind))) for kind in dict.fromkeys(given)
    ]
    found, definitions = TypeAdapter.json_schemas(
        inputs + outputs, ref_template=SCHEMAS + "{model}", schema_generator=Generator
    )
    components = {_name(key): {**schema, "title": _name(key)} for key, schema in definitions["$defs"].items()}
    return {kind: _renamed(schema) for (kind, _), schema in found.items()}, _renamed(components)


def _name(key: str) -> str:
    """Return a component's name; pydantic marks the key of a type both taken in and given out."""
    return key.removesuffix("-Input").replace("-Output", "Output")


def _renamed(part: Any) -> Any:
    """Return a part of the description with its references changed to the names of components."""
    if isinstance(part, dict):
        return {
            key: _name(inner) if key == "$ref" and isinstance(inner, str) else _renamed(inner)
            for key, inner in part.items()
        }
    return [_renamed(inner) for inner in part] if isinstance(part, list) else part


def _readable(kind: Any) -> Any:
    """Return a type with shapes that pydantic takes: ``typing``'s own only since Python 3.12."""
    if is_typeddict(kind) or is_dataclass(kind):
        return _strict(kind)
    origin, parts = get_origin(kind), tuple(map(_readable, get_args(kind)))
    if origin in {Union, types.UnionType}:
        return Union[parts]  # noqa: UP007 - of a tuple
    return kind if origin in {None, Literal} else origin[parts]


@cache
def _strict(shape: Any) -> Any:
    """Return a shape, also for a dataclass, with its fields refined and no other field allowed."""
    make: Any = typing_extensions.TypedDict
    fields = {
        name: _readable(REFINED.get((shape, name), hint)) for name, hint in get_type_hints(shape).items()
    }
    optional = {
        name: typing_extensions.NotRequired[fields[name]] for name in getattr(shape, "__optional_keys__", ())
    }
    strict = make(shape.__name__, {**fields, **optional})
    strict.__doc__ = shape.__doc__
    strict.__pydantic_config__ = ConfigDict(extra="forbid")
    return strict
