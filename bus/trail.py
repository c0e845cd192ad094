"""What the write database has of one stream, or of one command: for whoever looks into what happened.

The log names the commands that came to something: by their commits, or by decisions without an effect, such
as refusals. What is not decided, or failed, the inbox knows. Each is found by an index, so a look costs what
it shows. All commands are read once more by their ids at the end, so that each is shown in one state.

Commands are handed out as they are stored: an operator also has to see those that this build cannot read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pymongo import DESCENDING
from pymongo.database import Database

from bus.commit import Commit
from bus.connections import Documents
from bus.log import Log
from bus.messages.outcome import CommandStatus
from bus.messages.streams import partition_of

MAX_COMMITS = 200
MAX_COMMANDS = 100


@dataclass(frozen=True, slots=True)
class Trail:
    """The newest commits and commands of a stream, each the oldest first; ``more`` if there are older."""

    stream: str
    partition: int
    commits: Sequence[Commit]
    commands: Sequence[Documents]
    more_commits: bool = False
    more_commands: bool = False

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self.commits or self.commands)


class Trails:
    """The trails in one write database."""

    def __init__(self, database: Database[Documents], log: Log) -> None:
        self._commands = database["commands"]
        self._log = log

    def of_stream(
        self, stream: str, *, max_commits: int = MAX_COMMITS, max_commands: int = MAX_COMMANDS
    ) -> Trail:
        partition = partition_of(stream, self._log.partitions)
        # In the order that a command takes through these places, so that none is passed by on its way.
        ids = self._without_a_place_in_the_log(stream, max_commands + 1)
        quiet = self._log.without_effect(partition, stream, max_commands + 1)
        commits = self._log.latest(partition, stream, max(max_commits, max_commands) + 1)
        ids |= {commit.command_id for commit in (*quiet, *commits) if commit.command_id is not None}
        commands = self._by_ids(ids)
        return Trail(
            stream=stream,
            partition=partition,
            commits=commits[-max_commits:],
            commands=commands[-max_commands:],
            more_commits=len(commits) > max_commits,
            more_commands=len(commands) > max_commands,
        )

    def of_command(self, command_id: str) -> Trail | None:
        """A command with the commit that it made, if it did; ``None`` if there is no such command."""
        found = self._by_ids([command_id])
        if not found:
            return None
        (command,) = found
        commit = self._log.of_command(command["partition"], command_id)
        made = [commit] if commit is not None and commit.stream is not None else []
        return Trail(command["stream"], command["partition"], made, found)

    def _without_a_place_in_the_log(self, stream: str, limit: int) -> set[str]:
        """The newest that are unfinished or failed, each by a partial index that holds no others."""
        found: set[str] = set()
        order = {CommandStatus.ACCEPTED: "accepted_ts", CommandStatus.FAILED: "finished_at"}
        for status, newest in order.items():
            where = {"stream": stream, "status": status.value}
            cursor = self._commands.find(where, {"_id": True}).sort(newest, DESCENDING)
            found |= {stored["_id"] for stored in cursor.limit(limit)}
        return found

    def _by_ids(self, command_ids: Iterable[str]) -> list[Documents]:
        """Commands in the order they were accepted."""
        found = self._commands.find({"_id": {"$in": sorted(command_ids)}})
        return sorted(found, key=lambda stored: stored["accepted_ts"])
