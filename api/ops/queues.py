"""``/ops/queues``: what ``python -m bus queues`` shows, with each figure's ``redis-cli`` command.

A rate lies between two looks, and stranded work was stranded in both. The process keeps the first
look from one request to the next, as long as it says something about now (``PAIR_S``).
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import falcon
import pymongo

from api.http import queries
from api.http.answers import answer
from api.ops.shapes import FigureExplained, QueueFigures, QueueReport
from bus.inspection.explanations import rows
from bus.inspection.figures import between
from bus.inspection.snapshot import Inspection, Inspector
from bus.primitives.cached import CachedValue, StampedePolicy

LOOK_S = 2.5
"""The seconds for all questions to MongoDB in one look."""
PAIR_S = 60.0
"""Two looks that are more seconds apart than this make no pair."""


class QueueBoard:
    """Looks at the queues when somebody asks, and keeps the look before."""

    def __init__(self, inspector: Inspector, kept_s: float, pair_s: float = PAIR_S) -> None:
        self._inspector = inspector
        self._pair_s = pair_s
        self._before: Inspection | None = None
        self.look = CachedValue(self._look, kept_s, StampedePolicy.WAIT)

    def _look(self) -> QueueReport:
        with pymongo.timeout(LOOK_S):
            now = self._inspector()
        before, self._before = self._before, now
        if before is not None and now.at - before.at > self._pair_s:
            before = None
        return {
            "at": datetime.now(UTC),
            "interval_s": round(now.at - before.at, 3) if before else None,
            "failed_commands": now.failed,
            "queues": [
                QueueFigures(**vars(one), redis_cli=explained(one.queue)) for one in between(before, now)
            ],
        }


def explained(queue: str) -> Sequence[FigureExplained]:
    """Return each figure once; a row that goes on with a figure is joined to the row above it."""
    found: list[FigureExplained] = []
    for figure, meaning, ways in rows(queue):
        if figure:
            found.append({"figure": figure, "meaning": meaning, "commands": ways})
        else:
            last = found[-1]
            found[-1] = {
                "figure": last["figure"],
                "meaning": f"{last['meaning']} {meaning}",
                "commands": [*last["commands"], *ways],
            }
    return found


class QueuesNow:
    """``/ops/queues``."""

    def __init__(self, board: QueueBoard) -> None:
        self._board = board

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        queries.read(req, queries.NoQuery)
        answer(resp, self._board.look())
