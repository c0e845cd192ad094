"""Reads what the write database has of one stream, or of one command, to see what happened.

The log has the commands that came to something: their commits, or decisions without an effect, such
as refusals. The inbox has the commands that are not decided, that failed, or that an operator has
had to do with. An index finds each of them, so a look costs only what it shows.

Commands of the inbox are handed out as they are stored: an operator also has to see those that this
build cannot read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pymongo import DESCENDING
from pymongo.database import Database

from bus.connections.clients import StoredDocument
from bus.inbox.command_records import outcome_of
from bus.log.commit import Commit
from bus.log.log import Log
from bus.messages.outcome import CommandStatus
from bus.messages.streams import partition_of

MAX_COMMITS = 200
MAX_COMMANDS = 100
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TimelineCommand:
    """A command as the inbox stores it, if it is there, and its place in the log, if it has one."""

    command_id: str
    stored: StoredDocument | None
    commit: Commit | None

    @property
    def accepted_at(self) -> datetime:
        if self.stored is not None:
            return self.stored["envelope"]["accepted_at"]  # type: ignore[no-any-return]  # the inbox's
        return self.commit.at if self.commit and self.commit.at else _LONG_AGO


@dataclass(frozen=True, slots=True)
class Timeline:
    """The newest commits and commands of a stream, oldest first; ``more_…`` if there are older."""

    stream: str
    partition: int
    commits: Sequence[Commit]
    commands: Sequence[TimelineCommand]
    more_commits: bool = False
    more_commands: bool = False

    def __bool__(self) -> bool:
        """Return True if there is anything."""
        return bool(self.commits or self.commands)


class Timelines:
    """The timelines in one write database."""

    def __init__(self, database: Database[StoredDocument], log: Log) -> None:
        self._commands = database["commands"]
        self._log = log

    def of_stream(
        self, stream: str, *, max_commits: int = MAX_COMMITS, max_commands: int = MAX_COMMANDS
    ) -> Timeline:
        partition = partition_of(stream, self._log.partitions)
        # In the order that a command takes through these places, so that none is passed by on its
        # way.
        ids = self._without_a_place_in_the_log(stream, max_commands + 1)
        quiet = self._log.without_effect(partition, stream, max_commands + 1)
        commits = self._log.latest(partition, stream, max(max_commits, max_commands) + 1)
        commands = self._seen(ids, (*quiet, *commits))
        return Timeline(
            stream=stream,
            partition=partition,
            commits=commits[-max_commits:],
            commands=commands[-max_commands:],
            more_commits=len(commits) > max_commits,
            more_commands=len(commands) > max_commands,
        )

    def of_command(self, command_id: str) -> Timeline | None:
        """Return a command with the commit that it made, if any; ``None`` if it does not exist."""
        decided = self._log.of_commands_anywhere([command_id]).get(command_id)
        found = self._seen({command_id}, () if decided is None else (decided,))
        if not found:
            return None
        (command,) = found
        made = [decided] if decided is not None and decided.stream is not None else []
        if decided is not None:
            return Timeline(outcome_of(decided).stream, decided.partition, made, found)
        stored = command.stored or {}
        return Timeline(stored["stream"], stored["partition"], made, found)

    def _without_a_place_in_the_log(self, stream: str, limit: int) -> set[str]:
        """Return the ids of the newest unfinished and failed commands.

        Each search uses a partial index that holds no others.
        """
        found: set[str] = set()
        order = {CommandStatus.ACCEPTED: "accepted_ts", CommandStatus.FAILED: "finished_at"}
        for status, newest in order.items():
            where = {"stream": stream, "status": status.value}
            cursor = self._commands.find(where, {"_id": True}).sort(newest, DESCENDING)
            found |= {stored["_id"] for stored in cursor.limit(limit)}
        return found

    def _seen(self, command_ids: Iterable[str], decided: Iterable[Commit]) -> list[TimelineCommand]:
        """Return commands in the order they were accepted; an id that is nowhere is left out."""
        commits = {commit.command_id: commit for commit in decided if commit.command_id is not None}
        wanted = {*command_ids, *commits}
        stored = {one["_id"]: one for one in self._commands.find({"_id": {"$in": sorted(wanted)}})}
        missing = [one for one in wanted if one not in stored and one not in commits]
        commits |= self._log.of_commands_anywhere(missing)  # they were decided since
        found = [TimelineCommand(one, stored.get(one), commits.get(one)) for one in wanted]
        there = [one for one in found if one.stored is not None or one.commit is not None]
        return sorted(there, key=lambda one: (one.accepted_at, one.command_id))
