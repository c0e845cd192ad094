"""Admission of commands: how many of a caller's are let in, and what of the backlog is kept for staff.

A caller is an issuer, a role and a subject. Its commands are counted in the inbox, but not for every command:
a process keeps an estimate for each caller, which is what it counted last and what it has let in since. It
counts again when the estimate has risen by a step, a quarter of what was left below the bound, and when it is
at the bound, then at most once in ``COUNT_EVERY_S``. So a caller that has few unfinished commands costs no
query, and one that is refused costs five a second.

Why the bound holds, but for a quarter of it for each process: take the last moment at which a caller has no
more unfinished commands than it may have. A process that counts after it finds more, and lets nothing in. So
whatever comes in after it was let in by a count from before it, the last one of each process, and that lets
in one step. What a process is accepting while it counts is in its estimate too, whether it was counted or
not; and the counts of one process are made one after another. A process that does not know a caller, or has
forgotten it after ``CALLERS`` others, begins with an estimate of 0, which lets in one step as well.

A customer may besides send only so many a second, but as many at once as it may have unfinished. Without
that a single customer, who sends orders as fast as they are finished, keeps the machine busy. Each process
keeps the pace for itself, by what the caller may still send: that grows with time, up to the bound on
unfinished commands.

The server sheds load before it knows who asks (``api.middleware.shedding``). So the tenth of the backlog
that customers must leave to the others is kept here.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

from api.http.problems import Problem, ProblemError
from api.middleware.shedding import RETRY_AFTER_S, Backlog, overloaded
from bus.messages.principal import Principal, Role
from bus.primitives.group_commit import GroupCommit

CALLERS = 10_000
"""Estimates that are kept, of those who sent a command last; some 4 MB."""
COUNT_EVERY_S = 0.2
TRIES = 3
"""How often a command's caller is counted before it is refused: each time, others have taken the step."""

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
    """What one caller may have and do."""

    unfinished: int
    a_second: int = 0
    """Commands, after as many at once as may be unfinished; 0 for any number."""


@dataclass(slots=True)
class Estimate:
    """How many unfinished commands a caller has at most, as far as one process can tell."""

    caller: Principal
    limits: CallerLimits
    counts_at: int
    """The estimate at which the process counts again."""
    allowance: float
    """How many may be sent at once, as of ``allowance_at``; of those who have a pace."""
    allowance_at: float
    commands: int = 0
    let_in: int = 0
    """All that this process has ever let in."""
    under_way: int = 0
    """Those of them that are being accepted."""
    counted_at: float = float("-inf")


class Admission:
    """Decides in one process. Safe for threads."""

    def __init__(
        self,
        count: Callable[[Principal, int], int],
        *,
        customers: CallerLimits,
        staff: CallerLimits,
        backlog: Backlog,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """``count`` tells how many unfinished commands a caller has, up to a number; in bounded time.

        The limits are those of one of the ``customers``, and of one caller of ``staff``.
        """
        self._customers = customers
        self._staff = staff
        self._count = count
        self._backlog = backlog
        self._now = now
        self._estimates: OrderedDict[Principal, Estimate] = OrderedDict()
        self._lock = threading.Lock()
        self._count_again = GroupCommit(self._count_all)

    @contextmanager
    def of_one(self, caller: Principal) -> Iterator[ProblemError | None]:
        """Why one more command of a caller is not let in, if it is not; it is accepted while the block runs.

        Raises:
            ProblemError: 503, the backlog has only room for others than customers.
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
        """Take one from the allowance, if there is one."""
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
    """How many more are let in before the next count: a hundredth at least, so that counts stay few."""
    return max(1, most // 100, (most - commands) // 4)


def _refusal(problem: Problem) -> ProblemError:
    return ProblemError(problem, {"Retry-After": str(RETRY_AFTER_S)})
