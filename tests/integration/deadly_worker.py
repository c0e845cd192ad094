"""A command worker that is killed by certain commands, as one that runs out of memory would be.

``python -m tests.integration.deadly_worker``: the real worker, except that deciding an order with the
reference ``DEADLY`` ends in ``kill -9``. The times by which a death is noticed are short.
"""

import os
import signal
from datetime import datetime
from typing import Any

from bus.inbox import attempts
from bus.inbox.inbox import InboxEntry
from bus.log.commit import Decision
from bus.messages.orders import PlaceOrder
from bus.queue import broker, consumer
from write_side import worker
from write_side.domain.facts import Facts
from write_side.handling import decisions

DEADLY = "deadly"

_decide = decisions.decide_one


def _decide_or_die(
    entry: InboxEntry, state: Any, version: int, facts: Facts, decided_at: datetime
) -> tuple[Decision, Any]:
    command = entry.envelope.command
    if isinstance(command, PlaceOrder) and command.reference == DEADLY:
        os.kill(os.getpid(), signal.SIGKILL)
    return _decide(entry, state, version, facts, decided_at)


def main() -> None:
    attempts.ALONE_MS = 100  # over by the time that the message is back: nobody here would sweep one refused
    attempts.QUIET_MS = 0
    broker.HEARTBEAT_TIMEOUT_MS = 500
    consumer.MAINTENANCE_EVERY_S = 0.1
    decisions.decide_one = _decide_or_die
    worker.main()


if __name__ == "__main__":
    main()
