"""``/ops/rebuilds``: shows the latest rebuild of each read model, and requests one.

The API does not carry it out: a process of the projections takes the request
(``read_side.rebuild.rebuild_requests``).
"""

from http import HTTPStatus

import falcon

from api.http import bodies, queries
from api.http.answers import answer
from api.http.problems import Problem, ProblemError, checked_id
from api.ops.repair_bodies import ModelToRebuild
from api.ops.repair_shapes import RebuildList
from api.ops.repairs import Repairs
from read_side.projections import by_name
from read_side.rebuild.rebuild_status import of_request


class Rebuilds:
    """``/ops/rebuilds``."""

    def __init__(self, repairs: Repairs) -> None:
        self._requests = repairs.requests
        self._rebuilds = repairs.rebuilds

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        queries.read(req, queries.NoQuery)
        told: RebuildList = {"rebuilds": self._rebuilds.look()}
        answer(resp, told)

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        queries.read(req, queries.NoQuery)
        model = by_name(bodies.read(req, ModelToRebuild).body.read_model)
        with req.context.attempt({"read_model": model.name}):
            builder = self._rebuilds.builder(model.name)
            asked = None if builder else self._requests.request(model, str(req.context.principal))
            if asked is None:
                detail = f"A rebuild of {model.name} is requested or running already{_by(builder)}."
                raise ProblemError(Problem(HTTPStatus.CONFLICT, "rebuild-under-way", detail))
        answer(resp, of_request(asked), HTTPStatus.ACCEPTED)


class StopRebuild:
    """``/ops/rebuilds/{read_model}/stop``: the next rebuild can go on with what is built so far."""

    def __init__(self, repairs: Repairs) -> None:
        self._requests = repairs.requests

    def on_post(self, req: falcon.Request, resp: falcon.Response, read_model: str) -> None:
        queries.read(req, queries.NoQuery)
        with req.context.attempt({"read_model": checked_id("read model", read_model)}):
            stopped = self._requests.stop(read_model)
            if stopped is None:
                detail = f"No rebuild of {read_model} is requested or running that was asked for here."
                raise ProblemError(Problem(HTTPStatus.CONFLICT, "no-rebuild", detail))
        answer(resp, of_request(stopped), HTTPStatus.ACCEPTED)


def _by(builder: str | None) -> str:
    return f", by {builder}" if builder else ""
