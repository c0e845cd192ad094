"""Whoever tries the examples of ``/openapi.json`` on the shop that ``make demo`` makes gets no refusal."""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from api.openapi.examples import CUSTOMER_ID
from tests.support.openapi import Description
from tests.support.system import System

WAITING = {"Prefer": "wait=30, visible"}
NEEDS_A_FAILURE = {"readDead", "retryDead", "discardDead", "retryParked", "stopRebuild"}
"""Operations on what only is there when something went wrong, or is going on."""


@pytest.fixture(scope="module")
def demo() -> Iterator[System]:
    """A system in which nobody has done anything but run the demo: twice, as somebody who starts it again."""
    with System() as system:
        for _ in range(2):
            run = system.run("api", "demo", "--url", system.url, "--orders", "3")
            assert run.returncode == 0, run.stdout + run.stderr
        yield system


@pytest.fixture(scope="module")
def description() -> Description:
    return Description()


def tries(description: Description, ids: Mapping[str, str]) -> Iterator[tuple[str, str, str, list[str], Any]]:
    """Each operation with each of its bodies: its name, method, path, roles and body."""
    for template, methods in description.document["paths"].items():
        for method, operation in methods.items():
            if operation["operationId"] in NEEDS_A_FAILURE or "{file}" in template:
                continue
            path = template
            for parameter in map(description.resolved, operation["parameters"]):
                if parameter["in"] == "path":
                    identity = parameter.get("example") or ids[parameter["name"]]
                    path = path.replace(f"{{{parameter['name']}}}", identity)
            for body in _examples(operation) or [None]:
                yield operation["operationId"], method.upper(), path, operation["x-roles"], body


def test_every_example_succeeds(demo: System, description: Description) -> None:
    clients = {role: demo.client(role, subject) for role, subject in (("staff", "sam"), ("ops", "olga"))}
    [example, *_] = _bodies(description, "placeOrder")
    placed = clients["staff"].post("/orders", json={**example, "customer_id": CUSTOMER_ID}, headers=WAITING)
    ids = placed.raise_for_status().json()
    tried = set()
    for operation, method, path, roles, body in tries(description, ids):
        client = clients["staff" if "staff" in roles else "ops"]
        sent = {"json": body} if body is not None else {}
        answer = client.request(method, path, headers=WAITING, **sent)
        assert answer.is_success, f"{operation}: {method} {path} {body}: {answer.status_code} {answer.text}"
        tried.add(operation)

    assert len(tried) > 20


def test_the_customer_of_the_examples_can_order(demo: System, description: Description) -> None:
    """Who it is, the token says that ``make demo`` prints."""
    customer = demo.client("customer", CUSTOMER_ID)
    [example, *_] = _bodies(description, "placeOrder")

    placed = customer.post("/orders", json=example, headers=WAITING)

    assert placed.status_code == httpx.codes.CREATED, placed.text


def _bodies(description: Description, operation_id: str) -> list[Any]:
    [found] = [
        operation
        for methods in description.document["paths"].values()
        for operation in methods.values()
        if operation["operationId"] == operation_id
    ]
    return _examples(found)


def _examples(operation: dict[str, Any]) -> list[Any]:
    """A change has the same ones as a merge patch."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return [example["value"] for example in content.get("examples", {}).values()]
