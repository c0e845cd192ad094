"""The command gateway keeps a command in the inbox, puts it on the queue, and tells its outcome.

The inbox comes first. Once it has the command, a loss of Redis or of this process only delays it,
since the clock's sweep enqueues again what has no outcome. So no answer needs to wait for the
queue. Commands that were kept together are enqueued together, by the thread that kept them for all,
while the other threads answer.
"""

from contextlib import AbstractContextManager

import pymongo
import redis
from dramatiq import Message
from pymongo.errors import PyMongoError

from bus.inbox.command_records import CommandRecord, CommandRecords
from bus.messages.envelope import CommandEnvelope
from bus.notify.notifier import Notifier, finished
from bus.notify.wakeup import Wakeup
from bus.observability.interruption import Interruption
from bus.observability.metrics import COMMANDS_ACCEPTED, Metrics
from bus.primitives.circuit_breaker import CircuitBreaker
from bus.primitives.group_commit import GroupCommit
from bus.queue.broker import Broker

COMMANDS_QUEUE = "commands"
HANDLE_COMMAND = "handle_command"
"""The name of the Dramatiq actor for the messages of that queue."""
ACCEPT_S = 2.5
"""The longest that accepting may take, the operation for those before included.

The API has to answer within 5 s.
"""
LOOK_AGAIN_S = 2.0
"""The pause after which a waiter looks by itself.

It can do no more while Redis is away.
"""


def command_message(command_id: str) -> Message[None]:
    """Return the message of a command: its id alone, so that the queue holds it at most once.

    The inbox has the rest.
    """
    return Message(
        queue_name=COMMANDS_QUEUE,
        actor_name=HANDLE_COMMAND,
        args=(),
        kwargs={},
        options={},
        message_id=command_id,
    )


class CommandGateway:
    """The gateway that the API sends commands through."""

    def __init__(
        self,
        records: CommandRecords,
        broker: Broker,
        notifier: Notifier,
        breaker: CircuitBreaker | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        """``breaker`` is shared with everything else that asks the same Redis."""
        self._broker = broker
        self._notifier = notifier
        self._breaker = breaker or CircuitBreaker()
        self._metrics = metrics or Metrics()  # else nobody is told
        self._accept = GroupCommit(
            self._metrics.batches("accept", records.accept_all), afterwards=self._enqueue_new
        )
        self._enqueue = self._metrics.batches("enqueue", self._enqueue_all)
        self._find = GroupCommit(records.find_all, shared=lambda error: isinstance(error, PyMongoError))
        self._outage = Interruption("Redis is away: what is accepted waits for the sweep", "Redis is back")

    def send(self, envelope: CommandEnvelope, request: str | None = None) -> CommandRecord | None:
        """Accept a command.

        Returns ``None`` if it is new, else the record of the command that has its id.
        """
        with pymongo.timeout(ACCEPT_S):
            known = self._accept((envelope, request))
        if known is None:
            self._metrics.count(COMMANDS_ACCEPTED, envelope.command.type)
        return known

    def find(self, command_id: str) -> CommandRecord | None:
        """Return the record of a command; callers that ask at the same time share a query."""
        return self._find(command_id)

    def expect(self, command_id: str) -> AbstractContextManager[Wakeup]:
        """Return a context with a wakeup that is set when the outcome of a command is announced."""
        return self._notifier.expect([finished(command_id)])

    def _enqueue_new(
        self, accepted: list[tuple[tuple[CommandEnvelope, str | None], CommandRecord | None]]
    ) -> None:
        new = [envelope for (envelope, _), known in accepted if known is None]
        if new:
            self._enqueue(new)

    def _enqueue_all(self, envelopes: list[CommandEnvelope]) -> list[None]:
        nothing: list[None] = [None] * len(envelopes)
        if not self._breaker.admits():  # the sweep has them
            return nothing
        try:
            self._broker.enqueue_once([command_message(envelope.command_id) for envelope in envelopes])
        except redis.RedisError as error:
            self._breaker.trip()
            self._outage.begin(error)
        else:
            self._breaker.close()
            self._outage.end()
        return nothing
