"""Describes the parameters of an operation: those in its path, its query and its headers."""

import re
from collections.abc import Mapping

from api.middleware.correlation import HEADER as CORRELATION
from api.openapi.examples import IN_PATHS
from api.openapi.operation import Operation
from api.openapi.schemas import Schema
from bus.messages.values import ID_TEXT, MAX_ID_LENGTH

_PARAMETER = re.compile(r"\{(\w+)\}")
_ID = {"type": "string", "pattern": f"^{ID_TEXT}$", "maxLength": MAX_ID_LENGTH}


def of_operation(path: str, row: Operation, components: Mapping[str, Schema]) -> list[Schema]:
    return [*_in_path(path), *_in_query(row, components), *_in_headers(row)]


def _in_path(path: str) -> list[Schema]:
    return [_path_parameter(field) for field in _PARAMETER.findall(path)]


def _path_parameter(field: str) -> Schema:
    parameter: Schema = {"name": field, "in": "path", "required": True, "schema": _ID}
    return {**parameter, "example": IN_PATHS[field]} if field in IN_PATHS else parameter


def _in_query(row: Operation, components: Mapping[str, Schema]) -> list[Schema]:
    fields = components[row.query.__name__].get("properties", {})
    return [_query_parameter(field, dict(schema)) for field, schema in fields.items()]


def _query_parameter(field: str, schema: Schema) -> Schema:
    """Return one parameter of a query.

    A query has no null: a field that may be null may be left out. An array is a parameter that is
    given several times.
    """
    kinds = [kind for kind in schema.pop("anyOf", ()) if kind != {"type": "null"}]
    if kinds:
        schema.update(kinds[0] if len(kinds) == 1 else {"anyOf": kinds})
        del schema["default"]
    return {"name": field, "in": "query", "description": schema.pop("description"), "schema": schema}


def _in_headers(row: Operation) -> list[Schema]:
    return [{"$ref": f"#/components/parameters/{field}"} for field in (*row.headers, CORRELATION)]
