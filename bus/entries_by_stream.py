"""Entries of the inbox by the streams that their commands touch."""

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from bus.messages.commands.command import Command

if TYPE_CHECKING:
    from bus.inbox import Entry


class EntriesByStream:
    """Entries by the streams that they change or take facts from, so that few are looked at for a command."""

    def __init__(self, entries: "Iterable[Entry]") -> None:
        self._changing: defaultdict[str, list[Entry]] = defaultdict(list)
        self._reading: defaultdict[str, list[Entry]] = defaultdict(list)
        for entry in entries:
            command = entry.envelope.command
            self._changing[command.stream].append(entry)
            for stream in command.fact_streams:
                self._reading[stream].append(entry)

    def that_concern(self, command: Command) -> "list[Entry]":
        """Those that a command depends on, in the order they were accepted."""
        near = [*self._changing.get(command.stream, ()), *self._reading.get(command.stream, ())]
        for stream in command.fact_streams:
            near += self._changing.get(stream, ())
        concern = {e.command_id: e for e in near if command.depends_on(e.envelope.command)}
        return sorted(concern.values(), key=lambda entry: entry.accepted_ts)
