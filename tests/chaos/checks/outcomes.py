"""Every accepted command has exactly one outcome, the one it had to have, and one document in the log."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from pymongo.database import Database

from tests.chaos.findings import Findings
from tests.chaos.request import Record

Documents = Mapping[str, Any]


def check(database: Database[dict[str, Any]], records: Iterable[Record], findings: Findings) -> None:
    """Compare what the clients remember with the inbox, and the inbox with the log."""
    inbox = {stored["_id"]: stored for stored in database.commands.find({}, {"status": 1, "outcome": 1})}
    log: defaultdict[str, list[Documents]] = defaultdict(list)
    for stored in database.commits.find({"command_id": {"$exists": True}}, {"events": 0, "state": 0}):
        log[stored["command_id"]].append(stored)

    known = set()
    for record in records:
        if record.command_id in known:
            findings.doubled.append(f"{record.key}: its command {record.command_id} is another's too")
        known.add(record.command_id)
        entry = inbox.get(record.command_id)
        if entry is None:
            findings.lost.append(f"{record.key}: accepted as {record.command_id}, and not in the inbox")
        else:
            _check_one(record, entry, log.get(record.command_id, []), findings)
    for command_id, commits in log.items():
        if len(commits) > 1:
            findings.doubled.append(f"{command_id} is in the log {len(commits)} times: {commits}")
        if command_id not in known:
            findings.doubled.append(f"{command_id} is in the log, and nobody was told that it was accepted")


def _check_one(record: Record, entry: Documents, commits: list[Documents], findings: Findings) -> None:
    expected, outcome = record.expected, entry["outcome"]
    name = f"{record.key} ({record.stream or 'an order'}, {record.command_id})"
    if outcome is None or entry["status"] == "accepted":
        findings.lost.append(f"{name}: has no outcome")
        return
    if not commits and entry["status"] != "failed":
        findings.lost.append(f"{name}: {entry['status']}, but not in the log")
    rejection = outcome["rejection"] or {}
    came_to = (entry["status"], outcome["version"], outcome["total"], rejection.get("code"))
    wanted = (expected.status, expected.version, expected.total, expected.code)
    findings.compare(f"{name}: status, version, total, code", wanted, came_to)
    for commit in commits:
        refused = commit.get("outcome") or {"status": "succeeded", "version": commit.get("version")}
        said = (commit["partition"], commit["seq"], refused["status"], refused["version"])
        copied = (outcome["partition"], outcome["seq"], entry["status"], outcome["version"])
        findings.compare(f"{name}: place and outcome, in the log and in the inbox", said, copied)
