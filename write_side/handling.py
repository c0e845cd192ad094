"""What happens to a command, in five beats: load, skip if done, decide, append, ring; and in which order.

A command is decided only when no earlier accepted one is unfinished that changes a stream it touches, or
takes facts from the one it changes. So it comes to what it would have, had each been handled before the
next was accepted. A handler that finds an earlier one does not wait for it: it handles it first.
Dependencies point only backwards in the inbox's order, so this ends, and whoever loses the race finds the
work done.

Commands that come at the same time have their turns together: one look at the inbox tells whose turn it is,
and those are attempted at once. The beats up to the append are in ``deciding``, the last one in
``attempting``, with what is done about commands that raise, or kill.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bus.attempts import Attempts
from bus.group_commit import GroupCommit
from bus.inbox import Entry, Inbox
from bus.log import Log
from bus.messages.envelope import CommandEnvelope
from bus.messages.outcome import Outcome
from bus.observing.metrics import Metrics
from write_side.attempting import Attempting
from write_side.bell import Bell
from write_side.deciding import Deciding
from write_side.errors import EarlierUnfinishedError
from write_side.in_hand import InHand
from write_side.telemetry import Telemetry
from write_side.transience import is_transient

TOGETHER = 100
"""Commands in one turn: their documents are some 200 kB, and one that is slow holds up no more than these."""


@dataclass(frozen=True, slots=True)
class Behind:
    """It is not the command's turn: these come first, the earliest first."""

    earlier: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Suspect:
    """It is the command's turn, and it has to be attempted alone."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Taken:
    """It is the command's turn, and another thread is at it."""


Turn = Outcome | Behind | Suspect | Taken | None
"""What a look at a command came to; ``None``: there is nothing left to do."""


class Handling:
    """Takes commands to their outcomes."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it is made of
        self,
        log: Log,
        inbox: Inbox,
        attempts: Attempts,
        bell: Bell,
        max_errors: int,
        telemetry: Telemetry | None = None,
    ) -> None:
        told = telemetry or Telemetry(Metrics())  # else nobody is told
        self._inbox = inbox
        self.deciding = Deciding(log, told)
        self.attempting = Attempting(inbox, attempts, self.deciding, bell, max_errors, told)
        self.in_hand = InHand()
        self._turn_together = GroupCommit(
            told.metrics.batches("turn", self._turns), limit=TOGETHER, shared=is_transient
        )

    def __call__(self, envelope: CommandEnvelope) -> Outcome | None:
        """Handle a command, after those it must come after.

        Returns its outcome, or ``None`` if there was nothing left to do: it is finished, or was never
        accepted.

        Raises:
            VersionConflictError, EarlierUnfinishedError, BusyError, and what MongoDB raises while it is away:
            to be tried again later; nothing is lost.

        """
        behind = [envelope]  # on top what comes first; no recursion: a chain may be as long as the backlog
        while True:
            current = behind[-1]
            turn = self._turn(current, helping=len(behind) > 1)
            if isinstance(turn, Behind):
                behind.extend(entry.envelope for entry in reversed(turn.earlier))
            elif isinstance(turn, Taken):
                self.in_hand.wait_for(current.command_id)  # and look again
            else:
                behind.pop()
                if not behind:
                    return turn

    def _turn(self, envelope: CommandEnvelope, *, helping: bool) -> Outcome | Behind | Taken | None:
        try:
            turn = self._turn_together(envelope)
            return self._alone(turn.entry) if isinstance(turn, Suspect) else turn
        except Exception as error:
            if not helping:
                raise
            current = self._inbox.find(envelope.command_id)
            if current is not None and not current.finished:
                raise EarlierUnfinishedError(envelope.command_id) from error
            return current.outcome if current else None

    def _alone(self, entry: Entry) -> Outcome | Taken:
        with self.in_hand.take([entry.command_id]) as mine:
            return self.attempting.alone(entry) if mine else Taken()

    def _turns(self, envelopes: Sequence[CommandEnvelope]) -> list[Turn | Exception]:
        """Look at the inbox, attempt those commands whose turn it is, and say what became of each."""
        around = self._inbox.unfinished_around([envelope.command for envelope in envelopes])
        turns: list[Turn | Exception] = []
        places: dict[int, Entry] = {}
        for envelope, unfinished in zip(envelopes, around, strict=True):
            turn = self._whose(envelope.command_id, unfinished)
            if isinstance(turn, Entry):
                places[len(turns)] = turn
            turns.append(Taken() if isinstance(turn, Entry) else turn)
        with self.in_hand.take(entry.command_id for entry in places.values()) as mine:
            ours: dict[
                str, tuple[int, Entry]
            ] = {}  # by id: one that is here twice is attempted once, the other one looks again
            for place, entry in places.items():
                if entry.command_id in mine:
                    ours.setdefault(entry.command_id, (place, entry))
            results = self.attempting.together([entry for _, entry in ours.values()]) if ours else ()
            for (place, _), result in zip(ours.values(), results, strict=True):
                turns[place] = result
        return turns

    def _whose(self, command_id: str, unfinished: Sequence[Entry]) -> Entry | Behind | Suspect | None:
        """The command's entry if it is its turn; else what comes first, or has to be done."""
        entry = self._own(command_id, unfinished)
        if entry is None:
            return None
        earlier = tuple(other for other in unfinished if other.accepted_ts < entry.accepted_ts)
        if earlier:
            return Behind(earlier)
        return Suspect(entry) if self.attempting.is_suspect(entry) else entry

    def _own(self, command_id: str, unfinished: Sequence[Entry]) -> Entry | None:
        for entry in unfinished:
            if entry.command_id == command_id:
                return entry
        found = self._inbox.find(command_id)  # finished, or behind more than one page of others
        return None if found is None or found.finished else found
