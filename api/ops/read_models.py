"""``/ops/read-models``: the progress of all generations, as ``read_side status`` tells it."""

from collections.abc import Iterable

import falcon
import pymongo
from pymongo.database import Database

from api.http import queries
from api.http.answers import answer
from api.ops.shapes import ReadModelStandings
from bus.connections.clients import StoredDocument
from bus.log.log import Log
from bus.primitives.cached import CachedValue, StampedePolicy
from read_side.projections.model import ReadModel
from read_side.queries.status import GenerationStatus, StatusReader, attention

LOOK_S = 1.5
"""The seconds for all questions to MongoDB in one look."""


class GenerationStatuses:
    """The status of all generations, looked up when somebody asks; the second look has rates."""

    def __init__(
        self, log: Log, read: Database[StoredDocument], models: Iterable[ReadModel], kept_s: float
    ) -> None:
        self._status = StatusReader(log, read, models)
        self.look = CachedValue(self._look, kept_s, StampedePolicy.WAIT)

    def _look(self) -> list[GenerationStatus]:
        with pymongo.timeout(LOOK_S):
            return self._status.look()


class ReadModels:
    """``/ops/read-models``."""

    def __init__(self, statuses: GenerationStatuses) -> None:
        self._statuses = statuses

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        queries.read(req, queries.NoQuery)
        statuses = self._statuses.look()
        told: ReadModelStandings = {"read_models": statuses, "attention": attention(statuses)}
        answer(resp, told)
