"""The description: complete, well-formed, and true to itself."""

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any
from unittest import mock

import jsonschema_rs
import openapi_spec_validator
import pytest
from falcon import testing
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import TypeAdapter, ValidationError
from typer.testing import CliRunner

from api.__main__ import cli
from api.app import create_app, routes
from api.http.commands import CREATED_IN
from api.middleware.access import ANYONE, Route
from api.middleware.needs import NOTHING
from api.openapi import headers
from api.openapi.command import described, unwired
from api.openapi.operations import check
from api.openapi.schemas import REFINED
from bus.messages.values import NewEmail, is_id
from tests.support.openapi import Description

ROOT = Path(__file__).resolve().parents[2]
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


@pytest.fixture(scope="module")
def description() -> Description:
    return Description()


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for methods in document["paths"].values() for operation in methods.values()]


def references(part: Any) -> set[str]:
    if isinstance(part, dict):
        found = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
        return found.union(*map(references, part.values()))
    return set().union(*map(references, part)) if isinstance(part, list) else set()


def test_every_route_and_method_is_described_and_nothing_else(description: Description) -> None:
    served = {(route.path, method.lower()) for route in routes(unwired()) for method in route.roles}
    told = {(path, method) for path, methods in description.document["paths"].items() for method in methods}

    assert told == served
    assert {method for _, method in told} <= METHODS


def test_a_route_that_is_not_described_is_an_error_at_start() -> None:
    class Page:
        def on_get(self) -> None: ...

    table = routes(unwired())

    with pytest.raises(ValueError, match=r"not described: \[\('/new', 'GET'\)\]"):
        check([*table, Route("/new", Page(), {"GET": ANYONE}, NOTHING)])
    with pytest.raises(ValueError, match=r"not there: \[\('/customers', 'GET'\)"):
        check(table[1:])


def test_a_route_that_creates_where_no_command_does_is_an_error_at_start() -> None:
    with (
        mock.patch.dict(CREATED_IN, {"AddProduct": "/elsewhere"}),
        pytest.raises(ValueError, match=r"CREATED_IN.*\['/products'\]"),
    ):
        check(routes(unwired()))


def test_whatever_it_refers_to_is_there_and_whatever_is_there_is_referred_to(
    description: Description,
) -> None:
    document = description.document
    used = references(document)
    there = {
        f"#/components/{kind}/{name}"
        for kind, components in document["components"].items()
        for name in components
        if kind != "securitySchemes"
    }
    for reference in used:
        assert description.resolved({"$ref": reference})

    inline = {f"#/components/headers/{name}" for name in headers.OF_ANSWERS}
    elsewhere = {"#/components/responses/MethodNotAllowed"}
    assert there - inline - elsewhere == used - inline


def test_operations_have_names_of_their_own_and_links_lead_to_them(description: Description) -> None:
    all_of_them = operations(description.document)
    names = [operation["operationId"] for operation in all_of_them]
    parameters = {
        operation["operationId"]: {
            f"{known['in']}.{known['name']}" for known in map(description.resolved, operation["parameters"])
        }
        for operation in all_of_them
    }

    assert len(set(names)) == len(names)
    for operation in all_of_them:
        for answer in map(description.resolved, operation["responses"].values()):
            for link in answer.get("links", {}).values():
                assert link["parameters"].keys() <= parameters[link["operationId"]]


def test_who_needs_a_token_is_told_so(description: Description) -> None:
    for operation in operations(description.document):
        assert bool(operation["security"]) is ("401" in operation["responses"])
        assert bool(operation["security"]) is bool(operation["x-roles"])


def test_examples_are_good(description: Description) -> None:
    for operation in operations(description.document):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            for example in content["examples"].values():
                description.check_value(content["schema"], example["value"], operation["operationId"])
        for parameter in map(description.resolved, operation["parameters"]):
            single = [parameter["example"]] if "example" in parameter else []
            for example in (*single, *(each["value"] for each in parameter.get("examples", {}).values())):
                description.check_value(parameter["schema"], example, parameter["name"])


def test_it_is_openapi_3_1(description: Description) -> None:
    openapi_spec_validator.validate(description.document, cls=OpenAPIV31SpecValidator)


def test_every_schema_has_a_title_of_its_own(description: Description) -> None:
    schemas = description.document["components"]["schemas"]
    assert {name: schema["title"] for name, schema in schemas.items()} == {name: name for name in schemas}
    for name in schemas:
        assert name.isidentifier()


def test_what_is_sent_has_no_defaults(description: Description) -> None:
    """A generated client would send them, or have its caller do so."""
    seen: set[str] = set()

    def defaults(part: Any, where: str) -> Iterator[str]:
        if isinstance(part, list):
            for inner in part:
                yield from defaults(inner, where)
        elif isinstance(part, dict):
            reference = part.get("$ref")
            if isinstance(reference, str) and reference not in seen:
                seen.add(reference)
                yield from defaults(description.resolved(part), reference)
            for key, inner in part.items():
                if key == "default":
                    yield where
                yield from defaults(inner, f"{where}.{key}")

    for operation in operations(description.document):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            assert list(defaults(content["schema"], operation["operationId"])) == []
    assert "#/components/schemas/NewAddress" in seen


def test_its_patterns_mean_what_is_checked(description: Description) -> None:
    """Regular expressions have dialects, which differ in what a space is."""
    described_email = description.document["components"]["schemas"]["NewCustomer"]["properties"]["email"]
    told = jsonschema_rs.Draft202012Validator(described_email)
    served: TypeAdapter[str] = TypeAdapter(NewEmail)

    def is_served(email: str) -> bool:
        try:
            served.validate_python(email)
        except ValidationError:
            return False
        return True

    for character in map(chr, (*range(0x3100), 0xFEFF, 0x1F600)):
        assert told.is_valid(f"{character}@b.cd") == is_served(f"{character}@b.cd"), ascii(character)


def test_an_id_is_described_as_it_is_checked(description: Description) -> None:
    """In paths, queries and bodies: also that it is not ``.`` or ``..``."""
    paths, components = description.document["paths"], description.document["components"]
    [in_path] = [
        each["schema"] for each in paths["/customers/{customer_id}"]["get"]["parameters"] if "in" in each
    ]
    [in_query] = [
        each["schema"] for each in paths["/orders"]["get"]["parameters"] if each.get("name") == "customer_id"
    ]
    in_a_body = components["schemas"]["NewProduct"]["properties"]["product_id"]
    alphabet = sorted({*map(chr, range(0x20, 0x80)), "é", "\n"})
    texts = ["", *alphabet, *map("".join, product(".a|/", repeat=3)), *map("".join, product(".a", repeat=2))]
    for text in [*texts, "x" * 128, "x" * 129]:
        for schema in (in_path, in_query, in_a_body):
            assert jsonschema_rs.Draft202012Validator(schema).is_valid(text) == is_id(text), ascii(text)


def test_a_query_is_described_without_what_is_refused(description: Description) -> None:
    """No parameter may be empty; ``status`` may be repeated, ``from`` and ``to`` are days or moments."""
    listed = description.document["paths"]["/orders"]["get"]["parameters"]
    by_name = {each["name"]: each for each in listed if each.get("in") == "query"}
    assert not [name for name, parameter in by_name.items() if "allowEmptyValue" in parameter]
    assert by_name.keys() == {"limit", "cursor", "customer_id", "status", "reference", "from", "to"}
    assert by_name["status"]["schema"]["type"] == "array"
    for name in ("from", "to"):
        told = jsonschema_rs.Draft202012Validator(by_name[name]["schema"], validate_formats=True)
        for good in ("2024-02-29", "2024-02-29T12:00:00Z", "2024-02-29T12:00:00.5+02:00"):
            assert told.is_valid(good), good
        assert not told.is_valid("2024-02-30")


def test_what_is_refined_is_there() -> None:
    for shape, field in REFINED:
        assert field in shape.__annotations__


def test_the_command_line_prints_what_is_served() -> None:
    printed = CliRunner().invoke(cli, ["openapi"])

    served = testing.TestClient(create_app(unwired())).simulate_get("/openapi.json")
    assert printed.exit_code == 0
    assert json.loads(printed.stdout) == served.json == described()
