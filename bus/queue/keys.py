"""The keys of a queue in Redis: Dramatiq's own names."""

from dataclasses import dataclass

NAMESPACE = "dramatiq"
DELAYED = ".DQ"
HEARTBEATS = f"{NAMESPACE}:__heartbeats__"
ACKS = f"{NAMESPACE}:__acks__."
"""The beginning of the keys of messages in flight; a worker's id and a queue's name follow."""


@dataclass(frozen=True, slots=True)
class QueueKeys:
    """The keys of one queue; the delayed messages of ``commands`` are the queue ``commands.DQ``."""

    queue_name: str

    @property
    def waiting(self) -> str:
        """List of ids."""
        return f"{NAMESPACE}:{self.queue_name}"

    @property
    def messages(self) -> str:
        """Hash of messages by id: those that wait, and those in flight."""
        return f"{self.waiting}.msgs"

    @property
    def delayed(self) -> "QueueKeys":
        """The queue of its delayed messages."""
        return QueueKeys(f"{self.queue_name}{DELAYED}")

    @property
    def dead(self) -> str:
        """Sorted set of the ids of dead letters, delayed ones too, by their time of death in ms."""
        return f"{NAMESPACE}:{self.queue_name.removesuffix(DELAYED)}.XQ"

    @property
    def dead_messages(self) -> str:
        """Hash of dead letters by id."""
        return f"{self.dead}.msgs"

    def in_flight(self, worker: str) -> str:
        """Set of the ids that a worker has fetched and not acknowledged."""
        return f"{ACKS}{worker}.{self.queue_name}"
