"""Decides what becomes of a message whose actor raised: a later retry, or a dead letter.

Dramatiq's own ``Retries`` enqueues a copy from inside a hook. Dramatiq swallows the errors of hooks
and acknowledges the message all the same, so a lost connection at that moment loses the retry. Here
the hook only says when. The consumer moves the message to the delayed ones instead of acknowledging
it, in one step that Dramatiq repeats until it comes through (``bus.queue.consumer``).

Retries do not multiply. If a partition cannot be projected, every commit rings for it, and each of
these bells fails. They say the same, so one retry is enough for all of them. A message is delayed
under an id that follows from its actor and arguments (``retry_id``). If that id is delayed already,
the new message just ends. Nothing is missed by that. A delayed message leaves the delayed ones in
the same step that puts it on its queue (``bus.queue.scripts.BECOME_DUE``). So a message that is
still delayed has not been handled yet. A worker handles it later, after the new message has ended.
"""

from typing import Any
from uuid import NAMESPACE_OID, uuid5

import dramatiq
from dramatiq import Message
from dramatiq.broker import MessageProxy
from dramatiq.common import compute_backoff, current_millis

from bus.observability.outages import server_away

MIN_BACKOFF_MS = 200
MAX_BACKOFF_MS = 15_000
AWAY_BACKOFF_MS = 2_000
"""The longest pause while a server is away.

An outage ends by itself, and then everybody waits for the retry.
"""


def pause_ms(tries: int, error: BaseException) -> int:
    """Return the ms to wait after an error and earlier ``tries``: growing, bounded, with jitter."""
    most = AWAY_BACKOFF_MS if server_away(error) else MAX_BACKOFF_MS
    return compute_backoff(tries, factor=MIN_BACKOFF_MS, max_backoff=most)[1]


def retry_id(message: Message[Any] | MessageProxy) -> str:
    """Return the id under which a retry is delayed: one for all messages that say the same."""
    said = dramatiq.get_encoder().encode(
        {"actor": message.actor_name, "args": message.args, "kwargs": message.kwargs}
    )
    return str(uuid5(NAMESPACE_OID, said.decode()))


class RetryLater(dramatiq.Middleware):
    """Retries without end, 0.2 s to 15 s apart, or to 2 s while a server is away.

    It does not retry what the actor ``throws`` on purpose. It never gives up, because nothing else
    answers a doorbell that was not answered.
    """

    @property
    def actor_options(self) -> set[str]:
        return {"throws"}

    def after_process_message(
        self,
        broker: dramatiq.Broker,
        message: MessageProxy,
        *,
        result: Any = None,  # noqa: ARG002 - Dramatiq's signature
        exception: BaseException | None = None,
    ) -> None:
        if exception is None:
            return
        throws = broker.get_actor(message.actor_name).options.get("throws")
        if throws and isinstance(exception, throws):
            message.fail()
            return
        tries = message.options.get("retries", 0)
        message.options["retries"] = tries + 1
        message.options["eta"] = current_millis() + pause_ms(tries, exception)
