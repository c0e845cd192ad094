"""What becomes of a message whose actor raised: later again, or to the dead letters.

Dramatiq's own ``Retries`` enqueues a copy from inside a hook whose errors are swallowed, and the message is
acknowledged all the same: a lost connection at that moment loses the retry. Here the hook only says when; the
consumer moves the message to the delayed ones instead of acknowledging it, in one step that Dramatiq repeats
until it comes through (``bus.consumer``).
"""

from typing import Any

import dramatiq
from dramatiq.broker import MessageProxy
from dramatiq.common import compute_backoff, current_millis

MIN_BACKOFF_MS = 200
MAX_BACKOFF_MS = 15_000


class RetryLater(dramatiq.Middleware):
    """Retries without end, 0.2 s to 15 s apart; what the actor ``throws`` on purpose is not retried.

    Without end, because nobody else ends it: a doorbell that was not answered has to be, some time.
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
        _, delay_ms = compute_backoff(tries, factor=MIN_BACKOFF_MS, max_backoff=MAX_BACKOFF_MS)
        message.options["retries"] = tries + 1
        message.options["eta"] = current_millis() + delay_ms
