"""Decides which commands of a caller are let in, and keeps a part of the backlog for staff.

A caller is an issuer, a role and a subject. Its commands are counted in the inbox, but not for
every command: a process keeps an estimate for each caller. The estimate is the last count, plus the
commands that the process has let in since. The process counts again when the estimate has risen by
a step, which is a quarter of what was left below the bound. It also counts when the estimate is at
the bound, but then at most once in ``COUNT_EVERY_S``. So a caller that has few unfinished commands
costs no query, and a caller that is refused costs five queries a second.

Why the bound holds, but for a quarter of it for each process: take the last moment at which a
caller has no more unfinished commands than it may have. If a process counts after this moment, it
finds more, and lets nothing in. So after this moment each process lets commands in only by the last
count that it made before. One count lets in one step at most. The estimate also has the commands
that a process is accepting while it counts, whether the count found them or not. And a process
makes its counts one after another. A process that does not know a caller, or has forgotten it after
``CALLERS`` others, begins with an estimate of 0, which lets in one step as well.

A customer may also send only so many commands a second, but as many at once as it may have
unfinished. Without this limit, a single customer that sends orders as fast as they are finished
would keep the machine busy. Each process limits the pace by itself, with an allowance: the commands
that the caller may still send. The allowance grows with time, up to the bound on unfinished
commands.

The server sheds load before it knows the caller (``api.middleware.shedding``). So this module keeps
the tenth of the backlog that customers must leave to the others.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Self

from api.http.problems import Problem, ProblemError
from api.middleware.shedding import RETRY_AFTER_S, Backlog, overloaded
from bus.messages.principal import Principal, Role
from bus.primitives.group_commit import GroupCommit
from bus.settings import Settings

CALLERS = 10_000
"""The number of callers whose estimates a process keeps, the latest senders; some 4 MB."""
COUNT_EVERY_S = 0.2
TRIES = 3
"""The number of counts before a command is refused: after each one, others have taken the step."""

_TOO_MANY_UNFINISHED = Problem(
    HTTPStatus.TOO_MANY_REQUESTS,
    "too-many-unfinished",
    "Too many of your commands are unfinished. This one was not accepted.",
)
_TOO_MANY_A_SECOND = Problem(
    HTTPStatus.TOO_MANY_REQUESTS,
    "too-many-commands",
    "You send too many commands a second. This one was not accepted.",
)


@dataclass(frozen=True, slots=True)
class CallerLimits:
    """The limits of one caller."""

    unfinished: int
    a_second: int = 0
    """Commands a second, after as many at once as may be unfinished; 0 for no limit."""


@dataclass(slots=True)
class Estimate:
    """An upper estimate of a caller's unfinished commands, as far as one process can tell."""

    caller: Principal
    limits: CallerLimits
    counts_at: int
    """The estimate at which the process counts again."""
    allowance: float
    """The commands that a caller with a pace may send at once, at ``allowance_at``."""
    allowance_at: float
    commands: int = 0
    let_in: int = 0
    """All commands of the caller that this process has ever let in."""
    under_way: int = 0
    """The number of these that are being accepted now."""
    counted_at: float = float("-inf")


class Admission:
    """Decides in one process which commands are let in. Safe for threads."""

    def __init__(
        self,
        count: Callable[[Principal, int], int],
        *,
        customers: CallerLimits,
        staff: CallerLimits,
        backlog: Backlog,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """``count`` counts a caller's unfinished commands, up to a number, in bounded time.

        ``customers`` are the limits of one customer, and ``staff`` those of one other caller.
        """
        self._customers = customers
        self._staff = staff
        self._count = count
        self._backlog = backlog
        self._now = now
        self._estimates: OrderedDict[Principal, Estimate] = OrderedDict()
        self._lock = threading.Lock()
        self._count_again = GroupCommit(self._count_all)

    @classmethod
    def from_settings(
        cls, settings: Settings, count: Callable[[Principal, int], int], backlog: Backlog
    ) -> Self:
        """Return the admission of a process that is configured like this."""
        return cls(
            count,
            customers=CallerLimits(settings.max_unfinished_per_caller, settings.max_commands_per_second),
            staff=CallerLimits(settings.max_unfinished_per_staff),
            backlog=backlog,
        )

    @contextmanager
    def of_one(self, caller: Principal) -> Iterator[ProblemError | None]:
        """Yield the refusal of one more command of a caller, or ``None`` if the command is let in.

        The command counts as being accepted while the block runs.

        Raises:
            ProblemError: 503, the backlog has room only for callers that are not customers.
            pymongo.errors.PyMongoError: MongoDB failed at counting.

        """
        if caller.role is Role.CUSTOMER and self._backlog.is_full_for_customers():
            detail = "Too many commands are waiting to be handled."
            raise ProblemError(overloaded(detail), {"Retry-After": str(RETRY_AFTER_S)})
        estimate = self._of(caller)
        refusal = self._refusal_of(estimate)
        try:
            yield refusal
        finally:
            if refusal is None:
                with self._lock:
                    estimate.under_way -= 1

    def _of(self, caller: Principal) -> Estimate:
        with self._lock:
            if (estimate := self._estimates.get(caller)) is None:
                limits = self._customers if caller.role is Role.CUSTOMER else self._staff
                estimate = self._estimates[caller] = Estimate(
                    caller,
                    limits,
                    counts_at=_step(limits.unfinished, 0),
                    allowance=limits.unfinished,
                    allowance_at=self._now(),
                )
                if len(self._estimates) > CALLERS:
                    self._estimates.popitem(last=False)
            else:
                self._estimates.move_to_end(caller)
            return estimate

    def _refusal_of(self, estimate: Estimate) -> ProblemError | None:
        for _ in range(TRIES):
            with self._lock:
                if estimate.commands < estimate.counts_at:
                    if not self._keeps_pace(estimate):
                        return _refusal(_TOO_MANY_A_SECOND)
                    estimate.commands += 1
                    estimate.let_in += 1
                    estimate.under_way += 1
                    return None
                was_counted = self._now() - estimate.counted_at < COUNT_EVERY_S
                if estimate.commands >= estimate.limits.unfinished and was_counted:
                    break
            self._count_again(estimate)
        return _refusal(_TOO_MANY_UNFINISHED)

    def _keeps_pace(self, estimate: Estimate) -> bool:
        """Take one command from the allowance; return False if none is left."""
        limits, now = estimate.limits, self._now()
        if not limits.a_second:
            return True
        grown = estimate.allowance + (now - estimate.allowance_at) * limits.a_second
        estimate.allowance, estimate.allowance_at = min(limits.unfinished, grown), now
        if estimate.allowance < 1:
            return False
        estimate.allowance -= 1
        return True

    def _count_all(self, estimates: Sequence[Estimate]) -> list[None]:
        for estimate in {id(one): one for one in estimates}.values():
            with self._lock:
                under_way, let_in = estimate.under_way, estimate.let_in
                estimate.counted_at = self._now()
            most = estimate.limits.unfinished
            counted = self._count(estimate.caller, most)
            with self._lock:
                estimate.commands = counted + under_way + estimate.let_in - let_in
                estimate.counts_at = min(most, estimate.commands + _step(most, estimate.commands))
        return [None] * len(estimates)


def _step(most: int, commands: int) -> int:
    """Return how many more commands to let in before the next count.

    It is at least a hundredth of ``most``, so that counts stay few.
    """
    return max(1, most // 100, (most - commands) // 4)


def _refusal(problem: Problem) -> ProblemError:
    return ProblemError(problem, {"Retry-After": str(RETRY_AFTER_S)})
