"""Problems: every exception becomes one, with nothing in it that is not the caller's business."""

from typing import Any

import falcon
import pytest
from falcon import testing
from pymongo.errors import ServerSelectionTimeoutError

from api.http import problems
from api.http.problems import STATUS_OF, Problem, ProblemError
from api.middleware.error_handlers import HANDLERS
from bus.messages.outcome import CommandStatus, Outcome
from bus.messages.rejection import FieldError, Rejection, RejectionKind


def answered(error: Exception, method: str = "GET") -> testing.Result:
    """What a caller gets when a resource raises this."""

    class Resource:
        def on_get(self, _req: falcon.Request, _resp: falcon.Response) -> None:
            raise error

        on_patch = on_get

    app: falcon.App[falcon.Request, falcon.Response] = falcon.App()
    for kind, handler in HANDLERS.items():
        app.add_error_handler(kind, handler)
    app.add_route("/", Resource())
    return testing.TestClient(app).simulate_request(method, "/")


def test_a_problem_has_the_members_of_rfc_9457() -> None:
    errors = (FieldError(field="items.0.quantity", message="too much"),)
    error = ProblemError(Problem(422, "wrong-fields", "Look.", errors, "/commands/k1"), {"X-Extra": "1"})

    result = answered(error)

    assert result.status_code == 422
    assert result.headers["content-type"] == "application/problem+json"
    assert result.headers["x-extra"] == "1"
    assert result.json == {
        "type": "/problems/wrong-fields",
        "title": "Wrong fields",
        "status": 422,
        "detail": "Look.",
        "errors": [{"field": "items.0.quantity", "message": "too much"}],
        "instance": "/commands/k1",
    }


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (falcon.HTTPNotFound(), 404),
        (falcon.HTTPMethodNotAllowed(["GET"]), 405),
        (falcon.HTTPInvalidHeader("no number", "Content-Length"), 400),
        (falcon.HTTPContentTooLarge(), 413),
        (falcon.HTTPServiceUnavailable(), 503),
        (ServerSelectionTimeoutError("mongodb://user:hunter2@db"), 503),
        (RuntimeError("hunter2"), 500),
    ],
)
def test_every_exception_is_a_problem_without_internals(error: Exception, status: int) -> None:
    result = answered(error)

    assert result.status_code == result.json["status"] == status
    assert result.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail"} == result.json.keys()
    assert "hunter2" not in result.text


def test_falcons_headers_are_kept() -> None:
    assert answered(falcon.HTTPMethodNotAllowed(["GET", "HEAD"])).headers["allow"] == "GET, HEAD"


def test_a_lost_database_says_when_to_come_back_and_whether_it_is_safe() -> None:
    error = ServerSelectionTimeoutError("gone")

    assert answered(error).headers["retry-after"] == "1"
    assert "Idempotency-Key" not in answered(error).json["detail"]
    assert "Idempotency-Key" in answered(error, "PATCH").json["detail"]


def test_every_kind_of_rejection_has_a_status() -> None:
    assert {kind: int(status) for kind, status in STATUS_OF.items()} == {
        RejectionKind.NOT_FOUND: 404,
        RejectionKind.INVALID: 422,
        RejectionKind.CONFLICT: 409,
        RejectionKind.VERSION_MISMATCH: 412,
    }
    assert set(STATUS_OF) == set(RejectionKind)


def outcome(**fields: Any) -> Outcome:
    return Outcome.model_validate({"stream": "order-o1", "partition": 0, **fields})


def test_a_rejection_is_its_problem() -> None:
    rejection = Rejection(kind=RejectionKind.CONFLICT, code="id-taken", detail="There already is one.")

    problem = problems.of_outcome(outcome(status=CommandStatus.REJECTED, rejection=rejection), "k1")

    assert problem == Problem(409, "id-taken", "There already is one.", (), "/commands/k1")


def test_a_failure_names_the_command_and_not_the_reason() -> None:
    problem = problems.of_outcome(outcome(status=CommandStatus.FAILED, error="hunter2"), "k1")

    assert problem is not None
    assert problem.status == 500
    assert "k1" in problem.detail
    assert b"hunter2" not in problem.to_json()


def test_success_is_no_problem() -> None:
    assert problems.of_outcome(outcome(status=CommandStatus.SUCCEEDED), "k1") is None
