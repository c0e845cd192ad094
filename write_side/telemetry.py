"""What the command worker tells of each command: a count, a line in the log, and a span if it is traced."""

import time

from bus import metrics
from bus.inbox import Entry
from bus.logs import logger
from bus.messages.envelope import CommandEnvelope
from bus.messages.outcome import CommandStatus, Outcome
from bus.metrics import Metrics
from bus.tracing import Tracing


class Telemetry:
    """Tells of what one process handles; must not fail. It costs some microseconds, most of them the line."""

    def __init__(self, metrics: Metrics, tracing: Tracing | None = None) -> None:
        self.metrics = metrics
        self._tracing = tracing

    def handled(self, entry: Entry, outcome: Outcome, began: float) -> None:
        """A command came to its outcome; handling it began at ``began`` (``time.time()``)."""
        envelope = entry.envelope
        kind, status = envelope.command.type, outcome.status.value
        seconds = time.time() - envelope.accepted_at.timestamp()
        self.metrics.count(metrics.COMMANDS, kind, status)
        self.metrics.observe(metrics.HANDLED, seconds, kind)
        tell = logger.error if outcome.status is CommandStatus.FAILED else logger.info
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

    def left(self, envelope: CommandEnvelope, error: Exception) -> None:
        """Handling a command raised; the sweep will have it tried again."""
        self.metrics.count(metrics.COMMANDS_LEFT)
        logger.warning(
            "left to the sweep",
            command_id=envelope.command_id,
            correlation_id=envelope.correlation_id,
            type=envelope.command.type,
            error=error,
        )
