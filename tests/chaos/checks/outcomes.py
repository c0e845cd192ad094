"""Every accepted command has exactly one outcome, the one it had to have, and one document in the log."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from pymongo.database import Database

from bus.inbox.command_records import outcome_of
from bus.log.commit import Commit
from tests.chaos.findings import Findings
from tests.chaos.request import Record

Documents = Mapping[str, Any]


def check(database: Database[dict[str, Any]], records: Iterable[Record], findings: Findings) -> None:
    """Compare what the clients remember with the log, and the inbox with both."""
    inbox = {stored["_id"]: stored for stored in database.commands.find({}, {"status": 1, "outcome": 1})}
    log: defaultdict[str, list[Documents]] = defaultdict(list)
    for stored in database.commits.find({"command_id": {"$exists": True}}, {"events": 0}):
        log[stored["command_id"]].append(stored)

    known = set()
    for record in records:
        if record.command_id in known:
            findings.doubled.append(f"{record.key}: its command {record.command_id} is another's too")
        known.add(record.command_id)
        commits = log.get(record.command_id, [])
        _check_one(record, inbox.get(record.command_id), commits, findings)
    for command_id, commits in log.items():
        if len(commits) > 1:
            findings.doubled.append(f"{command_id} is in the log {len(commits)} times: {commits}")
        if command_id not in known:
            findings.doubled.append(f"{command_id} is in the log, and nobody was told that it was accepted")


def _check_one(record: Record, entry: Documents | None, commits: list[Documents], findings: Findings) -> None:
    name = f"{record.key} ({record.stream or 'an order'}, {record.command_id})"
    if not commits:
        findings.lost.append(f"{name}: {_without_outcome(entry)}")
        return
    expected, outcome = record.expected, outcome_of(Commit.from_stored(commits[0]))
    code = outcome.rejection.code if outcome.rejection else None
    came_to = (outcome.status, outcome.version, outcome.total, code)
    wanted = (expected.status, expected.version, expected.total, expected.code)
    findings.compare(f"{name}: status, version, total, code", wanted, came_to)
    if entry is not None and entry["status"] == "accepted":
        findings.lost.append(f"{name}: it is in the log, and unfinished in the inbox")
    elif entry is not None:
        findings.compare(f"{name}: status, in the log and in the inbox", str(outcome.status), entry["status"])


def _without_outcome(entry: Documents | None) -> str:
    if entry is None:
        return "accepted, and not in the log, nor in the inbox"
    return f"{entry['status']} in the inbox, and not in the log"
