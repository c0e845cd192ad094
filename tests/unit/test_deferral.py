"""A caller that asks too much waits for its refusal, without a thread and without what it held."""

from collections.abc import Callable
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import pytest

from api.http.problems import Problem, ProblemError
from api.middleware.deferral import DEFERS, REFUSED_AFTER_S, Deferral, Deferred, Waits, deferrable


class Held:
    """What a request has taken, such as a place to wait in."""

    def __init__(self) -> None:
        self.taken = 0

    def __enter__(self) -> None:
        self.taken += 1

    def __exit__(self, *_: object) -> None:
        self.taken -= 1


@pytest.fixture
def held() -> Held:
    return Held()


def refused(status: HTTPStatus, held: Held) -> Callable[[], None]:
    """What the server calls for a request that is answered with a status."""

    def responder(_req: Any, _resp: Any) -> Waits[None]:
        with held:
            raise ProblemError(Problem(status, "forbidden", "no"))
        yield

    request: Any = SimpleNamespace(env={DEFERS: True})
    response: Any = SimpleNamespace()
    return lambda: deferrable(responder)(request, response)


def put_aside(call: Callable[[], None]) -> Deferral:
    with pytest.raises(Deferred) as waits:
        call()
    assert waits.value.pause.seconds == REFUSED_AFTER_S
    return waits.value.deferral


def test_too_many_requests_is_told_later(held: Held) -> None:
    deferral = put_aside(refused(HTTPStatus.TOO_MANY_REQUESTS, held))
    assert held.taken == 0
    with pytest.raises(ProblemError) as error:
        deferral.go_on()
    assert error.value.problem.status == HTTPStatus.TOO_MANY_REQUESTS


def test_a_caller_that_has_gone_is_told_nothing(held: Held) -> None:
    deferral = put_aside(refused(HTTPStatus.TOO_MANY_REQUESTS, held))
    deferral.abandon()
    deferral.go_on()
    assert held.taken == 0


@pytest.mark.parametrize("status", [HTTPStatus.FORBIDDEN, HTTPStatus.SERVICE_UNAVAILABLE])
def test_any_other_refusal_is_told_at_once(held: Held, status: HTTPStatus) -> None:
    with pytest.raises(ProblemError):
        refused(status, held)()
