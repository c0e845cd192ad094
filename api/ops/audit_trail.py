"""``/ops/audit-trail``: who did what as an operator, and who was shown personal data."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, TypedDict, cast

import falcon
from pydantic import Field

from api.http import cursors, queries
from api.http.answers import answer
from api.http.problems import malformed
from bus.audit_trail.actions import Action
from bus.audit_trail.trail import AuditTrail

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


class AuditTrailQuery(queries.PageQuery):
    who: Annotated[
        str | None, Field(max_length=600, description="What one caller did, by its name as it is listed.")
    ] = None
    action: Annotated[Action | None, Field(description="What was done in this way.")] = None


class Recorded(TypedDict):
    """An action, or somebody's reads within an hour: ``count`` times from ``at`` on.

    ``who`` is a token's role and subject, or the user and the host of a command line. ``action``
    may be one of another build. An action that has ``begun`` was interrupted, or others carry it
    out.
    """

    at: datetime
    who: str
    address: str | None
    through: Literal["http", "command line"]
    action: str
    target: str
    outcome: Literal["begun", "done", "refused", "failed"]
    count: int


class AuditTrailPage(TypedDict):
    """Entries, the newest first; ``next_cursor`` is ``null`` at the end."""

    entries: Sequence[Recorded]
    next_cursor: str | None


class AuditTrailPages:
    """``/ops/audit-trail``."""

    def __init__(self, trail: AuditTrail) -> None:
        self._trail = trail

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        query = queries.read(req, AuditTrailQuery)
        scope = ("audit-trail", query.who, query.action)
        after = _place(query.cursor, scope) if query.cursor else None
        found, ended = self._trail.page(query.limit, after=after, who=query.who, action=query.action)
        told: AuditTrailPage = {
            "entries": [cast("Recorded", asdict(entry)) for entry in found],
            "next_cursor": ended and cursors.encode(scope, [(ended[0] - EPOCH) // MILLISECOND, ended[1]]),
        }
        answer(resp, told)


def _place(cursor: str, scope: Sequence[str | None]) -> tuple[datetime, str]:
    milliseconds, identity = cursors.decode(cursor, scope, (int, str))
    try:
        return EPOCH + int(milliseconds) * MILLISECOND, str(identity)
    except OverflowError:
        raise malformed("cursor", "The cursor cannot be read.") from None
