"""What happens to a command, in five beats: load, skip if done, decide, append, ring; and in which order.

A command is decided only when no earlier accepted one is unfinished that changes a stream it touches, or
takes facts from the one it changes. So it comes to what it would have, had each been handled before the
next was accepted. A handler that finds an earlier one does not wait for it: it handles it first.
Dependencies point only backwards in the inbox's order, so this ends, and whoever loses the race finds the
work done.

Commands that come at the same time have their turns together: one look at the inbox tells whose turn it is,
and those are attempted at once. All of that is read in one causal session: what the inbox shows as finished
is in the log that is decided on, through any change of the primary. The beats up to the append are in
``deciding``, the last one in ``attempting``, with what is done about commands that raise, or kill.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bson import Timestamp
from pymongo.client_session import ClientSession

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
"""What a turn of a command came to; ``None``: there is nothing left to do."""
Look = Entry | Behind | Suspect | None
"""What a look at the inbox came to; ``Entry``: it is the command's turn."""


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
        with self.in_hand.take([entry.command_id]) as mine, self._inbox.session() as session:
            if not mine:
                return Taken()
            [turn] = self._look([entry.envelope], session)  # anew: what it rests on is read after this
            return self.attempting.alone(turn.entry, session) if isinstance(turn, Suspect) else Taken()

    def _turns(self, envelopes: Sequence[CommandEnvelope]) -> list[Turn | Exception]:
        """Look at the inbox, attempt those commands whose turn it is, and say what became of each."""
        with self._inbox.session() as session:
            looks = self._look(envelopes, session)
            turns: list[Turn | Exception] = [Taken() if isinstance(look, Entry) else look for look in looks]
            places = {place: look for place, look in enumerate(looks) if isinstance(look, Entry)}
            with self.in_hand.take(entry.command_id for entry in places.values()) as mine:
                # By id: a command that is here twice is attempted once, and the other one looks again.
                ours: dict[str, tuple[int, Entry]] = {}
                for place, entry in places.items():
                    if entry.command_id in mine:
                        ours.setdefault(entry.command_id, (place, entry))
                entries = [entry for _, entry in ours.values()]
                results = self.attempting.together(entries, session) if entries else ()
                for (place, _), result in zip(ours.values(), results, strict=True):
                    turns[place] = result
        return turns

    def _look(self, envelopes: Sequence[CommandEnvelope], session: ClientSession | None) -> list[Look]:
        """Of each command its entry if it is its turn; else what comes first, or has to be done."""
        accepted = self._inbox.accepted([envelope.command_id for envelope in envelopes], session)
        open_ = [envelope for envelope in envelopes if envelope.command_id in accepted]
        around = self._inbox.unfinished_around([envelope.command for envelope in open_], session)
        looks = {
            envelope.command_id: self._whose(envelope.command_id, accepted, unfinished, session)
            for envelope, unfinished in zip(open_, around, strict=True)
        }
        return [looks.get(envelope.command_id) for envelope in envelopes]

    def _whose(
        self,
        command_id: str,
        accepted: Mapping[str, Timestamp],
        unfinished: Sequence[Entry],
        session: ClientSession | None,
    ) -> Look:
        earlier = tuple(other for other in unfinished if other.accepted_ts < accepted[command_id])
        if earlier:
            return Behind(earlier)
        own = next((entry for entry in unfinished if entry.command_id == command_id), None)
        own = own or self._inbox.find(command_id, session)  # finished meanwhile
        if own is None or own.finished:
            return None
        return Suspect(own) if self.attempting.is_suspect(own) else own
