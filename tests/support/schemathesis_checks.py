"""Checks of our own beside those of schemathesis, which loads this module (``tests/e2e/schemathesis.toml``).

Two of them stand where its own are told to expect a status that only sometimes is right.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import schemathesis
from schemathesis import APIOperation, CheckContext, Response
from schemathesis import Case as CaseOf

from api.openapi.headers import OF_REQUESTS
from tests.support.standstills import Standstills
from tests.support.waiting import until

Case = CaseOf[APIOperation[Any, Any, Any, Any]]
Problem = dict[str, Any]

PASSES_S = 60.0
STANDSTILLS = Standstills()
STANDSTILLS.start()  # this module is a hook of the command: nobody enters anything

_OPAQUE = ("cursor", "after")
"""Query parameters that only the service can make."""

_REFERENCES = frozenset(
    {
        "unknown-customer",
        "unknown-product",
        "product-discontinued",
        "mixed-currencies",
        "total-too-large",
        "discount-too-large",
        "occurred-at-in-future",
        "occurred-at-too-early",
    }
)
"""What an order or a change comes to when the rest of the shop is looked at."""

_BEYOND = "the time is outside the years 1 to 9999 in UTC"
_RELATIONS = frozenset(
    {
        ("from", "must not be after to"),
        ("occurred_at", _BEYOND),
    }
)
"""Fields that are wrong only beside others, or for some."""

_IF_MATCH = re.compile(OF_REQUESTS["If-Match"]["schema"]["pattern"])


def _is_bad_header(case: Case, problem: Problem) -> bool:
    """A token that is of no log here; or an If-Match that the examples phase made up beside the pattern."""
    if problem["detail"].startswith("Consistency-Token"):
        return "Consistency-Token" in case.headers
    return not _IF_MATCH.fullmatch(case.headers.get("If-Match", "*"))


def _is_beyond_the_calendar(error: Problem) -> bool:
    """A moment with an offset that takes it out of the years there are in UTC."""
    return error["field"] in {"from", "to"} and error["message"].endswith(_BEYOND)


_REASONS: Mapping[tuple[int, str], Callable[[Case, Problem], bool]] = {
    (400, "malformed-cursor"): lambda case, _: any(case.query.get(name) for name in _OPAQUE),
    (400, "malformed-header"): _is_bad_header,
    (400, "unknown-consistency-token"): lambda case, _: "Consistency-Token" in case.headers,
    (400, "malformed-query"): lambda _, problem: all(map(_is_beyond_the_calendar, problem["errors"])),
    (412, "version-mismatch"): lambda case, _: "If-Match" in case.headers,
    (422, "idempotency-key-reused"): lambda case, _: "Idempotency-Key" in case.headers,
    (422, "wrong-fields"): lambda _case, problem: (
        {(error["field"], error["message"]) for error in problem["errors"]} <= _RELATIONS
    ),
    **{(422, code): lambda _case, _problem: True for code in _REFERENCES},
}


@schemathesis.check
def refused_for_what_a_schema_cannot_say(_ctx: CheckContext, response: Response, case: Case) -> None:
    """A request that fits the description is refused for one of the known reasons only."""
    positive = case.meta is not None and case.meta.generation.mode.is_positive
    if not positive or response.status_code not in {400, 412, 422}:
        return
    problem = response.json()
    reason = _REASONS.get((response.status_code, problem["type"].removeprefix("/problems/")))
    assert reason is not None, f"refused: {problem}"
    assert reason(case, problem), f"refused without a reason: {problem}"


@schemathesis.check
def only_a_documented_503(ctx: CheckContext, response: Response, case: Case) -> None:
    """Behind is what only a token can find it, and nothing else is away in a running system.

    On a machine that has just stood still a database is away for a moment: the same request is served then.
    """
    if response.status_code != 503:
        return
    code = response.json()["type"].removeprefix("/problems/")
    is_documented = code in {"read-model-behind", "overloaded"}
    assert is_documented or (STANDSTILLS.was_lately and _passes(ctx, case)), f"503: {code}"
    assert code != "read-model-behind" or "Consistency-Token" in case.headers


def _passes(ctx: CheckContext, case: Case) -> bool:
    def is_served() -> bool:
        return bool(case.call(**(ctx.internals.transport_kwargs or {})).status_code != 503)

    try:
        return until(is_served, PASSES_S, "another answer than 503")
    except TimeoutError:
        return False


@schemathesis.check
def what_was_created_can_be_read(ctx: CheckContext, response: Response, case: Case) -> None:
    """With the token of its creation, a resource is never a 404."""
    if response.status_code != 404 or case.method != "GET":
        return
    parent = ctx.internals.find_parent(case_id=case.id)
    created = ctx.internals.find_response(case_id=parent.id) if parent else None
    if created is None or created.status_code != 201:
        return
    token = created.headers.get("consistency-token", [""])[0]
    ids = set(created.json().values())
    assert token not in case.headers.get("Consistency-Token", "") or not ids & {
        *case.path_parameters.values()
    }, f"created and gone: {case.path_parameters}"
