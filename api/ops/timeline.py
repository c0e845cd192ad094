"""Puts the story of an id together from the inbox, the log and the read models.

An id may be a command's, an order's, a customer's or a product's, or the name of a stream, as logs
and reports have it. Callers choose the ids of customers and products, so one id may be several of
these.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pymongo
from pydantic import ValidationError

from api.http import problems
from api.ops.timeline_shapes import Kind, Story, StoryCommand, StoryCommit, StoryParked, StoryReadModel
from bus.inbox.command_records import outcome_of
from bus.log.commit import Commit
from bus.log.log import Log
from bus.messages.outcome import CommandStatus, Outcome
from bus.messages.streams import customer_stream, id_of, order_stream, product_stream
from bus.observability.timeline import Timeline, TimelineCommand, Timelines
from read_side.parked.parking import Parked
from read_side.queries.document_lookup import DocumentLookup, StreamDocuments

STORY_S = 3.0
"""The seconds for all questions to MongoDB for one story."""

MAX_OTHERS = 20
"""The number of other parked streams that are named: in an incident there may be thousands."""

_STREAMS: Mapping[Kind, Callable[[str], str]] = {
    "order": order_stream,
    "customer": customer_stream,
    "product": product_stream,
}


class TimelineReader:
    """Tells stories."""

    def __init__(self, log: Log, timelines: Timelines, document_lookup: DocumentLookup) -> None:
        self._log = log
        self._timelines = timelines
        self._document_lookup = document_lookup

    def story(self, identity: str, kind: Kind | None = None) -> Story | None:
        """Return all that is known of an id, or of it as one ``kind``; ``None`` if nothing is."""
        with pymongo.timeout(STORY_S):
            found = self._found(identity)
            wanted = next(iter(found), None) if kind is None else kind
            if wanted not in found:
                return None
            also = [other for other in found if other != wanted]
            return self._told(identity, wanted, also, found[wanted])

    def _found(self, identity: str) -> dict[Kind, Timeline]:
        """Return the timelines under an id, by kind.

        First come the kinds whose ids the service chooses: nobody else can have named them.
        """
        command = self._timelines.of_command(identity)
        found: dict[Kind, Timeline] = {} if command is None else {"command": command}
        for kind, stream in _STREAMS.items():
            if timeline := self._timelines.of_stream(stream(identity)):
                found[kind] = timeline
        if found:
            return found
        named = (kind for kind, stream in _STREAMS.items() if stream(id_of(identity)) == identity)
        return {kind: timeline for kind in named if (timeline := self._timelines.of_stream(identity))}

    def _told(self, identity: str, kind: Kind, also: list[Kind], timeline: Timeline) -> Story:
        whole = self._timelines.of_stream(timeline.stream) if kind == "command" else timeline
        newest = self._log.newest(timeline.partition, timeline.stream)
        last = whole.commits[-1].seq if whole.commits else 0
        shown = self._document_lookup.of(timeline.stream, timeline.partition, whole.commits)
        return {
            "id": identity,
            "kind": kind,
            "also": also,
            "stream": timeline.stream,
            "partition": timeline.partition,
            "version": newest.version if newest else None,
            "state": newest.state if newest else None,
            "commands": [_command(seen) for seen in timeline.commands],
            "commits": [_commit(commit) for commit in timeline.commits],
            "read_models": [self._read_model(one, last) for one in shown],
            "more_commands": timeline.more_commands,
            "more_commits": timeline.more_commits,
        }

    def _read_model(self, shown: StreamDocuments, last: int) -> StoryReadModel:
        return {
            "name": shown.name,
            "generation": shown.generation,
            "up_to_date": shown.parked is None and shown.position >= last,
            "position": shown.position,
            "last_commit": last,
            "parked": self._parked(shown.parked) if shown.parked else None,
            "others_parked": shown.others_parked[:MAX_OTHERS],
            "documents": shown.documents,
            "more_documents": shown.more,
        }

    def _parked(self, parked: Parked) -> StoryParked:
        return {
            "since": parked.since,
            "error": parked.error,
            "seq": parked.seq,
            "waiting": self._log.waiting(parked.partition, parked.stream, parked.seq),
        }


def _command(seen: TimelineCommand) -> StoryCommand:
    """Return a command as the inbox has it, or as the log does if the inbox is behind or lacks it.

    What the log has stands. What the inbox has may be of a build that this one cannot read.
    """
    stored = seen.stored
    done = seen.commit is not None and not outcome_of(seen.commit).is_failure
    if stored is None or (done and stored["status"] == CommandStatus.ACCEPTED):
        return _finished(seen)
    envelope, outcome = stored["envelope"], stored["outcome"] or {}
    by, commit = envelope["by"], seen.commit
    return {
        "command_id": stored["_id"],
        "type": stored["type"],
        "status": stored["status"],
        "accepted_at": envelope["accepted_at"],
        "finished_at": stored["finished_at"],
        "by": {"role": by["role"], "subject": by["subject"]},
        "correlation_id": envelope["correlation_id"],
        "seq": commit.seq if commit else outcome.get("seq"),
        "version": commit.version if commit else outcome.get("version"),
        "problem": _problem(outcome, stored["_id"]),
        "attempts": stored["attempts"],
        "errors": stored.get("errors", 0),
        "error": outcome.get("error") or stored.get("error"),
        "resolutions": stored.get("resolutions", []),
        "body": envelope["command"],
    }


def _finished(seen: TimelineCommand) -> StoryCommand:
    """Return a command that has left the inbox: the log keeps its outcome, but not its body."""
    commit = seen.commit
    if commit is None:
        raise LookupError(seen.command_id)
    role, _, subject = (commit.by or "").partition(":")
    refused: Mapping[str, Any] = commit.outcome or {}
    return {
        "command_id": seen.command_id,
        "type": commit.type or "",
        "status": str(refused.get("status", CommandStatus.SUCCEEDED)),
        "accepted_at": seen.accepted_at,
        "finished_at": commit.decided_at,
        "by": {"role": role, "subject": subject},
        "correlation_id": commit.correlation_id or "",
        "seq": commit.seq,
        "version": commit.version if commit.stream else refused.get("version"),
        "problem": _problem(refused, seen.command_id),
        "attempts": None,
        "errors": 0,
        "error": None,
        "resolutions": [],
        "body": None,
    }


def _problem(outcome: Mapping[str, Any], command_id: str) -> problems.ProblemDocument | None:
    if not outcome:
        return None
    try:
        problem = problems.of_outcome(Outcome.from_stored(outcome), command_id)
    except ValidationError:  # of another build
        return None
    return problem.document() if problem else None


def _commit(commit: Commit) -> StoryCommit:
    return {
        "seq": commit.seq,
        "version": commit.version,
        "at": commit.at,
        "by": commit.by,
        "command_id": commit.command_id,
        "correlation_id": commit.correlation_id,
        "events": [_event(stored) for stored in commit.events],
    }


def _event(stored: Mapping[str, Any]) -> Mapping[str, Any]:
    data = stored.get("data")
    fields = data if isinstance(data, Mapping) else {"data": data}
    return {"type": stored.get("type"), "v": stored.get("v"), **fields}
