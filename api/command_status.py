"""A command's status: accepted, or what it came to and which read models show it."""

import falcon

from api import problems, queries
from api.answers import answer_hashed
from api.deferral import Waits
from api.freshness import Freshness
from api.problems import checked_id, not_found
from api.shapes import CommandState
from bus.inbox import Entry, Inbox
from bus.log import Log
from bus.messages import outcome as outcomes
from bus.messages.principal import Principal, Role
from read_side.projections import READ_MODELS
from read_side.visibility import Visibility


class CommandStatus:
    """``/commands/{command_id}``."""

    def __init__(self, inbox: Inbox, log: Log, visibility: Visibility, freshness: Freshness) -> None:
        self._inbox = inbox
        self._log = log
        self._visibility = visibility
        self._freshness = freshness

    def on_get(self, req: falcon.Request, resp: falcon.Response, command_id: str) -> Waits[None]:
        queries.read(req, queries.NoQuery)
        tokens = self._freshness.tokens(req)
        entry = self._inbox.find_now(checked_id("command", command_id))
        if entry is None or not _may_see(req.context.principal, entry):
            raise not_found("command", command_id)
        if not entry.finished and any(token.partition == entry.partition for token in tokens):
            entry = yield from self._as_the_log_has_it(req, entry)
        answer_hashed(req, resp, _shown(entry, self._visible(entry)))

    def _as_the_log_has_it(self, req: falcon.Request, entry: Entry) -> Waits[Entry]:
        """The entry with its outcome, if the log has one: the inbox copies that a moment later."""
        latest = entry

        def is_copied() -> bool:
            nonlocal latest
            latest = self._inbox.find(entry.command_id) or latest
            return latest.finished or self._log.of_command(entry.partition, entry.command_id) is None

        yield from self._freshness.wait_for(req, is_copied, "The inbox")
        return latest

    def _visible(self, entry: Entry) -> dict[str, bool]:
        """By read model; nothing shows what is not decided, or failed."""
        outcome = entry.outcome
        if outcome is None or outcome.seq is None or outcome.status is outcomes.CommandStatus.FAILED:
            return {model.name: False for model in READ_MODELS}
        return self._visibility.of(outcome.stream, outcome.partition, outcome.seq)


def _may_see(principal: Principal, entry: Entry) -> bool:
    """A customer sees what it sent itself."""
    by = entry.envelope.by
    return principal.role is not Role.CUSTOMER or (by.role, by.subject) == (principal.role, principal.subject)


def _shown(entry: Entry, visible: dict[str, bool]) -> CommandState:
    command = entry.envelope.command
    problem = problems.of_outcome(entry.outcome, entry.command_id) if entry.outcome else None
    return {
        "command_id": entry.command_id,
        "type": command.type,
        "status": entry.status.value,
        "accepted_at": entry.envelope.accepted_at,
        "finished_at": entry.finished_at,
        "stream": command.stream,
        "version": entry.outcome.version if entry.outcome else None,
        "problem": problem.document() if problem else None,
        "visible": visible,
    }
