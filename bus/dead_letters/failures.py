"""Everything that waits for an operator, failed commands and dead letters, and how to resolve it.

A failed command is in the inbox and came to nothing. A dead letter is a message that no worker
could do anything with. If it carried a command, the inbox has that command too, and decides what
becomes of it.

A retried letter is enqueued first and marked as retried after that. A crash in between, or two
operators at once, deliver it twice. That changes nothing (commands are done once, bells carry no
data). In the other order the letter could be lost. It gets a new id in Redis, since its own may be
in flight.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import redis
from pymongo.database import Database

from bus.connections.clients import StoredDocument
from bus.dead_letters.dead_letter import DeadLetter, LetterState
from bus.dead_letters.failed_commands import FailedCommands
from bus.dead_letters.store import DeadLetters
from bus.errors import RefusedError
from bus.inbox.gateway import COMMANDS_QUEUE, command_message
from bus.queue.broker import Broker


class FailureKind(StrEnum):
    """The kinds of failure that wait for an operator."""

    COMMAND = "command"
    LETTER = "letter"


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed command or a dead letter; ``what`` is a command's type, or a letter's actor."""

    kind: FailureKind
    id: str
    queue: str
    what: str
    reason: str
    since: datetime
    state: str
    """``kept``, ``retried`` or ``discarded``."""

    @classmethod
    def of_command(cls, stored: StoredDocument) -> "Failure":
        outcome: dict[str, Any] = stored["outcome"] or {}
        state = LetterState.DISCARDED if "discarded" in stored else LetterState.KEPT
        return cls(
            FailureKind.COMMAND,
            stored["_id"],
            COMMANDS_QUEUE,
            stored["type"],
            outcome.get("error") or "",
            stored["finished_at"],
            state,
        )

    @classmethod
    def of_letter(cls, letter: DeadLetter) -> "Failure":
        what = letter.actor or "?"
        return cls(
            FailureKind.LETTER,
            letter.letter_id,
            letter.queue,
            what,
            letter.reason,
            letter.dead_at,
            letter.state,
        )


class Failures:
    """Lists failures, retries them and sets them aside; records ``by`` and ``reason`` with each."""

    def __init__(self, database: Database[StoredDocument], broker: Broker) -> None:
        self._broker = broker
        self.commands = FailedCommands(database)
        self.letters = DeadLetters(database)

    def newest(
        self, kinds: Sequence[FailureKind], queue: str | None, limit: int, *, resolved: bool = False
    ) -> list[Failure]:
        """Return the newest failures, at most ``limit``, the newest first."""
        found: list[Failure] = []
        if FailureKind.COMMAND in kinds and queue in {None, COMMANDS_QUEUE}:
            found += map(Failure.of_command, self.commands.newest(limit, discarded=resolved))
        if FailureKind.LETTER in kinds:
            found += map(Failure.of_letter, self.letters.newest(queue, limit, resolved=resolved))
        return sorted(found, key=lambda one: one.since, reverse=True)[:limit]

    def open_ids(self, kinds: Sequence[FailureKind], queue: str | None) -> list[str]:
        """Return the ids of all that wait: commands, then letters, the oldest of each first."""
        ids: list[str] = []
        if FailureKind.COMMAND in kinds and queue in {None, COMMANDS_QUEUE}:
            ids += self.commands.open_ids()
        if FailureKind.LETTER in kinds:
            ids += self.letters.kept_ids(queue)
        return ids

    def in_full(self, failure_id: str) -> list[StoredDocument]:
        """Return all that is stored under an id: the command, and every letter that carried it.

        A letter's message is decoded if it can be read in full.
        """
        command = self.commands.find(failure_id)
        letter = self.letters.find(failure_id)
        letters = [letter] if letter else self.letters.of_message(failure_id)
        found: list[StoredDocument] = [] if command is None else [{"kind": FailureKind.COMMAND, **command}]
        return found + [_in_full(letter) for letter in letters]

    def retry(self, failure_id: str, *, by: str, reason: str) -> str:
        """Retry one failure; return in words what happened.

        Raises:
            RefusedError: there is no such thing, or it cannot be tried again.
            redis.RedisError: Redis is away, and it is a letter. A command waits for the sweep.

        """
        if letter := self.letters.find(failure_id):
            return self._retry_letter(letter, by, reason)
        envelope = self.commands.retry(failure_id, by=by, reason=reason)
        try:
            self._broker.enqueue_once([command_message(envelope.command_id)])
        except redis.RedisError:
            return "accepted again; Redis is away, so the sweep will deliver it"
        return "accepted again, at the end of the order"

    def discard(self, failure_id: str, *, by: str, reason: str) -> str:
        """Set one failure aside; return in words what happened.

        Raises:
            RefusedError: there is no such thing, or it is not waiting for an operator.

        """
        if letter := self.letters.find(failure_id):
            self._resolve(letter, LetterState.DISCARDED, by, reason)
        else:
            self.commands.discard(failure_id, by=by, reason=reason)
        return "discarded: it is kept, and listed with --all only"

    def _retry_letter(self, letter: DeadLetter, by: str, reason: str) -> str:
        if letter.state is not LetterState.KEPT:
            raise RefusedError(_resolved(letter))
        message = letter.to_deliver()
        if message is None:
            raise RefusedError(f"{letter.letter_id} cannot be delivered again: {letter.reason}")
        self._broker.enqueue(message)
        self._resolve(letter, LetterState.RETRIED, by, reason)
        return f"put on the queue {letter.queue} again"

    def _resolve(self, letter: DeadLetter, state: LetterState, by: str, reason: str) -> None:
        if not self.letters.resolve(letter.letter_id, state, by=by, reason=reason):
            raise RefusedError(_resolved(self.letters.find(letter.letter_id) or letter))


def _in_full(letter: DeadLetter) -> StoredDocument:
    document = {"kind": FailureKind.LETTER, **letter.to_stored()}
    if (message := letter.to_deliver()) is not None:
        document["message"] = message.asdict()
    return document


def _resolved(letter: DeadLetter) -> str:
    return f"{letter.letter_id} was {letter.state} already, by {letter.resolved_by}: {letter.resolution}"
