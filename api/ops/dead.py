"""``/ops/dead``: failed commands and dead letters, as ``python -m bus dead`` shows them."""

from collections.abc import Callable
from dataclasses import asdict
from http import HTTPStatus

import falcon

from api.http import bodies, queries
from api.http.answers import answer
from api.http.problems import Problem, ProblemError, checked_id
from api.ops.plain import plain
from api.ops.repair_bodies import DeadQuery, Resolution
from api.ops.repair_shapes import DeadInFull, DeadList, Resolved
from api.ops.repairs import Repairs
from bus.dead_letters.failures import FailureKind
from bus.errors import NotThereError, RefusedError


class DeadOnes:
    """``/ops/dead``."""

    def __init__(self, repairs: Repairs) -> None:
        self._failures = repairs.failures

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        query = queries.read(req, DeadQuery)
        found = self._failures.newest(
            tuple(FailureKind), None, query.limit + 1, resolved=query.everything == "true"
        )
        told: DeadList = {
            "dead": plain([asdict(one) for one in found[: query.limit]]),
            "more": len(found) > query.limit,
        }
        answer(resp, told)


class DeadOne:
    """``/ops/dead/{failure_id}``."""

    def __init__(self, repairs: Repairs) -> None:
        self._failures = repairs.failures

    def on_get(self, req: falcon.Request, resp: falcon.Response, failure_id: str) -> None:
        queries.read(req, queries.NoQuery)
        found = self._failures.in_full(checked_id("dead", failure_id))
        if not found:
            raise _not_there(failure_id)
        told: DeadInFull = {"id": failure_id, "documents": plain(found)}
        answer(resp, told)


class Retry:
    """``/ops/dead/{failure_id}/retry``."""

    def __init__(self, repairs: Repairs) -> None:
        self._failures = repairs.failures

    def on_post(self, req: falcon.Request, resp: falcon.Response, failure_id: str) -> None:
        _resolve(req, resp, failure_id, self._failures.retry)


class Discard:
    """``/ops/dead/{failure_id}/discard``."""

    def __init__(self, repairs: Repairs) -> None:
        self._failures = repairs.failures

    def on_post(self, req: falcon.Request, resp: falcon.Response, failure_id: str) -> None:
        _resolve(req, resp, failure_id, self._failures.discard)


def _resolve(req: falcon.Request, resp: falcon.Response, failure_id: str, deal: Callable[..., str]) -> None:
    """Retry or discard a failed command or a dead letter, in the operator's name."""
    queries.read(req, queries.NoQuery)
    reason = bodies.read(req, Resolution).body.reason
    try:
        with req.context.attempt({"dead": checked_id("dead", failure_id)}):
            happened = deal(failure_id, by=str(req.context.principal), reason=reason)
    except NotThereError:
        raise _not_there(failure_id) from None
    except RefusedError as error:
        raise ProblemError(Problem(HTTPStatus.CONFLICT, "refused", str(error))) from None
    told: Resolved = {"result": happened}
    answer(resp, told)


def _not_there(failure_id: str) -> ProblemError:
    problem = Problem(
        HTTPStatus.NOT_FOUND, "unknown-dead", f"There is no failed command or dead letter {failure_id}."
    )
    return ProblemError(problem)
