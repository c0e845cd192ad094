"""Keeps the commands that a worker has fetched and not finished, and picks the next batch of them.

A batch is taken in the order of acceptance. A command is passed over if its stream or its caller
has had its share, or if it depends on one that was passed over. So a batch never holds a command
without the commands in flight that must come before it. A burst on one stream, or of one caller,
does not make everybody else wait for its end: what it may take of a batch is bounded, and a later
command that has nothing to do with it is in the next batch.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from bus.inbox.inbox import Earlier, InboxEntry
from bus.messages.message import Command

BATCH = 100
"""The most commands in a batch. If all are of the widest, their documents are some 200 kB and ask
for 20,000 streams."""
SHARE = 25
"""The most commands of one stream in a batch. A batch then takes some 20 ms, and an unrelated
command waits as long."""
CALLER_SHARE = 50
"""The most commands of one caller in a batch, if commands of others are in flight."""
LOOKED_AT = 1_000
"""The most commands passed over for a batch; the rest of a burst is not looked at each time."""


class BlockingCommands:
    """Commands that are not decided now, and so hold back the commands that depend on them.

    Add commands in the order they were accepted.
    """

    def __init__(self) -> None:
        self.changed: set[str] = set()
        self.read: set[str] = set()

    def add(self, command: Command) -> None:
        self.changed.add(command.stream)
        self.read.update(command.fact_streams)

    def add_earlier(self, earlier: Earlier) -> None:
        self.changed.add(earlier.stream)
        self.read.update(earlier.reads)

    def blocks(self, command: Command) -> bool:
        """Return True if a command depends on one of these (``Command.depends_on``)."""
        if not self.changed:
            return False
        stream = command.stream
        if stream in self.changed or stream in self.read:
            return True
        return any(fact in self.changed for fact in command.fact_streams)


@dataclass(frozen=True, slots=True)
class CommandBatch:
    """Commands to decide, in the order of acceptance, and the commands passed over among them."""

    entries: tuple[InboxEntry, ...]
    passed_over: BlockingCommands
    passed_over_count: int


class InFlight:
    """The commands of one worker; not for several threads."""

    def __init__(self) -> None:
        self._entries: dict[str, InboxEntry] = {}
        self._in_order = True

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, command_id: str) -> bool:
        return command_id in self._entries

    def add(self, entries: Iterable[InboxEntry]) -> None:
        self._entries.update((entry.command_id, entry) for entry in entries)
        self._in_order = False

    def remove(self, command_ids: Iterable[str]) -> None:
        for command_id in command_ids:
            self._entries.pop(command_id, None)

    def clear(self) -> list[str]:
        """Forget all; return their ids."""
        command_ids = list(self._entries)
        self._entries.clear()
        return command_ids

    def batch(self) -> CommandBatch:
        """Return the commands to decide next; empty only if nothing is in flight."""
        if not self._in_order:
            ordered = sorted(self._entries.values(), key=lambda entry: entry.accepted_ts)
            self._entries = {entry.command_id: entry for entry in ordered}
            self._in_order = True
        most_of_a_caller = self._most_of_a_caller()
        taken: list[InboxEntry] = []
        passed_over = BlockingCommands()
        count = 0
        of_stream: Counter[str] = Counter()
        of_caller: Counter[str] = Counter()
        for entry in self._entries.values():
            command, caller = entry.envelope.command, str(entry.envelope.by)
            if (
                of_stream[command.stream] >= SHARE
                or of_caller[caller] >= most_of_a_caller
                or passed_over.blocks(command)
            ):
                passed_over.add(command)
                count += 1
                if count == LOOKED_AT:
                    break
                continue
            of_stream[command.stream] += 1
            of_caller[caller] += 1
            taken.append(entry)
            if len(taken) == BATCH:
                break
        return CommandBatch(tuple(taken), passed_over, count)

    def _most_of_a_caller(self) -> int:
        callers = iter(self._entries.values())
        first = next((str(entry.envelope.by) for entry in callers), "")
        is_alone = all(str(entry.envelope.by) == first for entry in callers)
        return BATCH if is_alone else CALLER_SHARE
