"""Who asks: the role and subject of a verified token."""

from enum import StrEnum

from bus.messages.message import Message


class Role(StrEnum):
    """What a token allows; the HTTP contract has the table."""

    CUSTOMER = "customer"
    STAFF = "staff"
    OPS = "ops"
    METRICS = "metrics"
    """Of a scraper: it reads ``/metrics``, and nothing else."""


class Principal(Message):
    """The caller. For a customer the subject is its customer id, whichever claim of its token has that."""

    role: Role
    subject: str
    issuer: str | None = None

    def __str__(self) -> str:
        return f"{self.role}:{self.subject}"

    def owns(self, customer_id: str | None) -> bool:
        """Whether what belongs to this customer, or to nobody, is the caller's to see and change."""
        if self.role is Role.CUSTOMER:
            return self.subject == customer_id
        return self.role is not Role.METRICS
