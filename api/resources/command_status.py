"""A command's status: accepted, or its outcome and the read models that show it."""

from collections.abc import Sequence

import falcon

from api.http import problems, queries
from api.http.answers import answer_hashed
from api.http.consistency import Token
from api.http.freshness import Freshness
from api.http.problems import checked_id, not_found
from api.resources.shapes import CommandState
from bus.inbox.command_records import CommandRecord, CommandRecords
from bus.messages import outcome as outcomes
from bus.messages.principal import Principal, Role
from read_side.projections import READ_MODELS
from read_side.queries.visibility import Visibility


class CommandStatusResource:
    """``/commands/{command_id}``."""

    def __init__(self, records: CommandRecords, visibility: Visibility, freshness: Freshness) -> None:
        self._records = records
        self._visibility = visibility
        self._freshness = freshness

    def on_get(self, req: falcon.Request, resp: falcon.Response, command_id: str) -> None:
        queries.read(req, queries.NoQuery)
        tokens = self._freshness.tokens(req)
        record = self._records.find_now(checked_id("command", command_id))
        if record is not None and not record.finished and _concerns(tokens, record):
            record = self._records.find_latest(command_id)
        if record is None or not _may_see(req.context.principal, record):
            raise not_found("command", command_id)
        answer_hashed(req, resp, _shown(record, self._visible(record)))

    def _visible(self, record: CommandRecord) -> dict[str, bool]:
        """Return for each read model whether it shows the command; False if undecided or failed."""
        outcome = record.outcome
        if outcome is None or outcome.seq is None or outcome.status is outcomes.CommandStatus.FAILED:
            return {model.name: False for model in READ_MODELS}
        return self._visibility.of(outcome.stream, outcome.partition, outcome.seq)


def _concerns(tokens: Sequence[Token], record: CommandRecord) -> bool:
    """Return True if a token is of the command's partition: then its latest record must be read."""
    return any(token.partition == record.partition for token in tokens)


def _may_see(principal: Principal, record: CommandRecord) -> bool:
    """Return True if the caller may see the command; a customer sees only what it sent itself."""
    return principal.role is not Role.CUSTOMER or record.by == str(principal)


def _shown(record: CommandRecord, visible: dict[str, bool]) -> CommandState:
    problem = problems.of_outcome(record.outcome, record.command_id) if record.outcome else None
    return {
        "command_id": record.command_id,
        "type": record.type,
        "status": record.status.value,
        "accepted_at": record.accepted_at,
        "finished_at": record.finished_at,
        "stream": record.stream,
        "version": record.outcome.version if record.outcome else None,
        "problem": problem.document() if problem else None,
        "visible": visible,
    }
