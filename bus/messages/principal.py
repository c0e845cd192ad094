"""The caller of a request: the role and subject of a verified token."""

from enum import StrEnum

from bus.messages.message import Message


class Role(StrEnum):
    """The rights that a token gives; the HTTP contract has the table."""

    CUSTOMER = "customer"
    STAFF = "staff"
    OPS = "ops"
    METRICS = "metrics"
    """The role of a scraper: it reads ``/metrics``, and nothing else."""


class Principal(Message):
    """The caller. A customer's subject is its customer id, whichever claim of the token has it."""

    role: Role
    subject: str
    issuer: str | None = None

    def __str__(self) -> str:
        return f"{self.role}:{self.subject}"

    def owns(self, customer_id: str | None) -> bool:
        """Return True if the caller may see and change what belongs to this customer.

        ``None`` is for what belongs to nobody.
        """
        if self.role is Role.CUSTOMER:
            return self.subject == customer_id
        return self.role is not Role.METRICS
