"""Tells of each command of the worker: a count, a line in the log, and a span if it is traced."""

import time
from collections.abc import Callable, Sequence

from bus.inbox.inbox import InboxEntry
from bus.log.commit import Commit, Decision
from bus.log.log import Appended
from bus.messages.envelope import CommandEnvelope
from bus.messages.outcome import CommandStatus, Outcome
from bus.observability import metrics
from bus.observability.logs import logger
from bus.observability.metrics import Metrics
from bus.observability.tracing import Tracing

Append = Callable[[Sequence[Decision]], list[Appended]]

MAX_UNTOLD = 10_000
"""The most commands that are decided and not told, because noting the outcome raised. Mostly it is
tried again, and told then."""


class CommandTelemetry:
    """Tells of the commands that one process handles; must not fail.

    It costs some microseconds, most of them for the line in the log.
    """

    def __init__(self, metrics: Metrics, tracing: Tracing | None = None) -> None:
        self.metrics = metrics
        self._tracing = tracing
        self._appended: set[str] = set()

    def appends(self, append: Append) -> Append:
        """Wrap the log's ``append``, so that it notes which commands it decided.

        Several threads may handle a command at the same time, and all of them find that it is done.
        The command is told once: for the thread whose insert it was, or for the first of its
        process that comes to tell.
        """

        def noted(decisions: Sequence[Decision]) -> list[Appended]:
            results = append(decisions)
            self.metrics.observe(metrics.GROUPED, len(decisions), "append")
            if len(self._appended) > MAX_UNTOLD:
                self._appended.clear()
            self._appended.update(
                str(decision.command_id)
                for decision, result in zip(decisions, results, strict=False)
                if isinstance(result, Commit)
            )
            return results

        return noted

    def handled(self, entry: InboxEntry, outcome: Outcome, began: float) -> None:
        """Tell that a command has its outcome; handling began at ``began`` (``time.time()``)."""
        envelope = entry.envelope
        failed = outcome.status is CommandStatus.FAILED
        try:
            self._appended.remove(envelope.command_id)  # one step, so that one thread does
        except KeyError:
            if not failed or outcome.seq is not None:
                logger.debug("found done", command_id=envelope.command_id)
                return
        kind, status = envelope.command.type, outcome.status.value
        seconds = time.time() - envelope.accepted_at.timestamp()
        self.metrics.count(metrics.COMMANDS, kind, status)
        self.metrics.observe(metrics.HANDLED, seconds, kind)
        tell = logger.error if failed else logger.info
        tell(
            "handled",
            command_id=envelope.command_id,
            correlation_id=envelope.correlation_id,
            type=kind,
            stream=outcome.stream,
            outcome=status,
            reason=outcome.rejection.code if outcome.rejection else None,
            version=outcome.version,
            duration_ms=round(seconds * 1000, 1),
            attempts=entry.attempts + 1,
        )
        if self._tracing is not None and envelope.traceparent is not None:
            told = {
                "messaging.system": "dramatiq",
                "messaging.destination.name": "commands",
                "messaging.message.id": envelope.command_id,
                "twofold.stream": outcome.stream,
                "twofold.outcome": status,
            }
            self._tracing.record(f"handle {kind}", envelope.traceparent, began, told)

    def left(self, envelope: CommandEnvelope, error: Exception, *, told: bool) -> None:
        """Tell that handling a command raised; the sweep retries it. Do not log ``told`` errors."""
        self.metrics.count(metrics.COMMANDS_LEFT)
        if told:
            return
        logger.warning(
            "left to the sweep",
            command_id=envelope.command_id,
            correlation_id=envelope.correlation_id,
            type=envelope.command.type,
            error=error,
        )
