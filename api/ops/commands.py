"""``/ops/commands``: the newest commands, all or those of one status."""

import falcon

from api.http import problems, queries
from api.http.answers import answer
from api.ops.repair_bodies import CommandsQuery
from api.ops.shapes import CommandList, CommandRow
from bus.inbox.command_records import CommandRecord, CommandRecords
from bus.messages.outcome import CommandStatus


class RecentCommands:
    """``/ops/commands``."""

    def __init__(self, records: CommandRecords) -> None:
        self._records = records

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        query = queries.read(req, CommandsQuery)
        statuses = [CommandStatus(query.status)] if query.status else list(CommandStatus)
        found = [record for status in statuses for record in self._records.newest(status, query.limit + 1)]
        found.sort(key=lambda one: one.finished_at or one.accepted_at, reverse=True)
        told: CommandList = {
            "commands": [_row(record) for record in found[: query.limit]],
            "more": len(found) > query.limit,
        }
        answer(resp, told)


def _row(record: CommandRecord) -> CommandRow:
    problem = problems.of_outcome(record.outcome, record.command_id) if record.outcome else None
    return {
        "command_id": record.command_id,
        "type": record.type,
        "status": record.status.value,
        "stream": record.stream,
        "by": record.by,
        "accepted_at": record.accepted_at,
        "finished_at": record.finished_at,
        "problem": problem.document() if problem else None,
    }
