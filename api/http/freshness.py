"""Waits for the read models, so that no answer is older than what the caller has seen.

Announcements over Redis wake a waiter once the positions that came with them are far enough. A
waiter does not rely on an announcement, but looks at MongoDB after it. It looks when it begins,
when it is woken, every two seconds in case an announcement was missed, and at its deadline. Waiters
that look at the same time share a query (``read_side.queries.visibility``). A waiter has no thread
(``api.middleware.deferral``) and costs little. All the same, only so many wait at a time, and only
a few of one caller. The others are told at once.

Why nothing is missed: a waiter expects the announcements before it looks, and a checkpoint is
announced after it was moved. So a position that the look does not show yet is announced later, and
wakes the waiter. The next look finds what Redis loses.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus

import falcon
from pymongo.errors import PyMongoError

from api.http import consistency, prefer
from api.http.consistency import Token
from api.http.log_end import LogEnd
from api.http.problems import Problem, ProblemError
from api.middleware.deferral import Pause, Waits
from bus.inbox.gateway import LOOK_AGAIN_S
from bus.messages.outcome import Outcome
from bus.messages.principal import Principal, Role
from bus.notify.notifier import Notifier
from bus.notify.notifier import reached as reached_topic
from bus.notify.wakeup import Wakeup
from bus.observability.logs import logger
from read_side.projections import READ_MODELS
from read_side.projections.model import Documents
from read_side.queries.parked_streams import since
from read_side.queries.store import LiveGeneration, ReadStore
from read_side.queries.visibility import Visibility

WAITING_AT_A_TIME = 256
"""In one process. Each holds one of its 1,000 connections.

All of them look at MongoDB 128 times a second.
"""
WAITS_OF_A_CUSTOMER = 2
"""The limit of one customer in one process."""
WAITS_OF_STAFF = WAITING_AT_A_TIME // 2
"""The same for any other caller. Staff is often a shop's server, which asks for all customers."""
DEFAULT_WAIT_S = 1.0
RETRY_AFTER_S = 1
FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 1.0
"""The longest pause between two looks at the write side, for which there is no announcement."""

Misses = Callable[[Documents, frozenset[str]], bool]
"""Returns True if an answer from a model's documents lacks what these parked streams hold back."""


def _anything(_documents: Documents, _aside: frozenset[str]) -> bool:
    return True


class WaitSlots:
    """Limits how many requests wait at a time, for any reason: in all, and of one caller.

    Customers leave the last quarter of the slots to the others.
    """

    def __init__(self, slots: int) -> None:
        self._free = slots
        self._reserve = slots // 4
        self._taken: Counter[Principal | None] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def one(self, caller: Principal | None = None) -> Iterator[bool]:
        """Yield True if there was a free slot, which is taken while the block runs.

        Raises:
            ProblemError: 429, the caller has as many waiting requests as it may have.

        """
        taken = self._take(caller)
        try:
            yield taken
        finally:
            if taken:
                with self._lock:
                    self._free += 1
                    self._taken.subtract([caller])
                    if not self._taken[caller]:
                        del self._taken[caller]

    def _take(self, caller: Principal | None) -> bool:
        is_customer = caller is not None and caller.role is Role.CUSTOMER
        most = WAITS_OF_A_CUSTOMER if is_customer else WAITS_OF_STAFF
        with self._lock:
            if caller is not None and self._taken[caller] >= most:
                raise _too_many_waits()
            if self._free <= (self._reserve if is_customer else 0):
                return False
            self._free -= 1
            self._taken[caller] += 1
            return True


@dataclass(frozen=True, slots=True)
class Goal:
    """A position that a generation of a read model is to reach."""

    name: str
    generation: int
    partition: int
    seq: int

    @property
    def topic(self) -> str:
        return reached_topic(self.name, self.generation, self.partition)


class Freshness:
    """Gives the resources the documents of the read models, as fresh as a request asks for."""

    def __init__(  # noqa: PLR0913 - its collaborators, wired in the main
        self,
        *,
        store: ReadStore,
        visibility: Visibility,
        notifier: Notifier,
        slots: WaitSlots,
        log_end: LogEnd,
        partitions: int,
        stopping: threading.Event,
    ) -> None:
        self._store = store
        self._visibility = visibility
        self._notifier = notifier
        self._slots = slots
        self._log_end = log_end
        self._partitions = partitions
        self._stopping = stopping

    def live(self, req: falcon.Request, name: str, misses: Misses = _anything) -> Waits[LiveGeneration]:
        """Return the live documents of a read model, at least as new as the tokens ask for.

        ``misses`` tells if parked streams matter to the answer. By default all of them do, as for
        an answer about many documents. The result also says what is missing in the documents
        (``parked_since``), to mark answers with. Without tokens, this is what was known a moment
        ago.

        Raises:
            ProblemError: 400 for a malformed token, or one that is not of this log; 429 if the
                caller has too many waiting requests; 503 if no slot to wait in is free, if the
                model is behind for longer than the request would wait, or if what was asked for is
                parked.

        """
        live = self._store.live(name)
        tokens = self.tokens(req)
        if not tokens:
            parked_since = self._visibility.parked_since(name, live.generation)
            return replace(live, parked_since=parked_since) if parked_since else live
        wait = prefer.parse(req.get_header("Prefer")).wait
        goals = [Goal(name, live.generation, token.partition, token.seq) for token in tokens]
        if self._unreached(goals):
            self._refuse_unknown(tokens)
            with self._slots.one(req.context.principal) as free:
                deadline = time.monotonic() + (DEFAULT_WAIT_S if wait is None else wait)
                if not free or not (yield from self._wait(goals, deadline)):
                    raise behind(name)
        parked = self._visibility.parked(name, live.generation)
        asked = {token.partition: token.seq for token in tokens}
        lacking = frozenset(one.stream for one in parked if one.seq <= asked.get(one.partition, -1))
        if lacking and misses(live.documents, lacking):
            raise behind(name)
        return replace(live, parked_since=since(parked))

    def generation(self, name: str) -> int:
        return self._store.generation(name)

    def documents(self, name: str) -> Documents:
        """Return the live documents of a read model, as far as it has read."""
        return self._store.live(name).documents

    def tokens(self, req: falcon.Request) -> list[Token]:
        """Return the positions that a request asks for at least; raises a 400 for a bad token."""
        return consistency.parse(req.get_header(consistency.HEADER), self._partitions)

    def wait_for(self, req: falcon.Request, has_it: Callable[[], bool], what: str) -> Waits[None]:
        """Return once the write side shows what the tokens of a request ask for.

        ``has_it`` looks, in bounded time. It may find less than was acknowledged: behind a gap in
        the log, or on a new primary.

        Raises:
            ProblemError: 503, the write side does not show it for longer than the caller would
                wait, or no slot to wait in is free; 400 and 429 as ``live``.

        """
        wait = prefer.parse(req.get_header("Prefer")).wait
        deadline = time.monotonic() + (DEFAULT_WAIT_S if wait is None else wait)
        if has_it():
            return
        self._refuse_unknown(self.tokens(req))
        pause_s = FIRST_PAUSE_S
        with self._slots.one(req.context.principal) as free:
            while free and (left := deadline - time.monotonic()) > 0:
                yield Pause(min(pause_s, left), Wakeup())
                if self._stopping.is_set():
                    break
                if has_it():
                    return
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        raise behind(what)

    def _refuse_unknown(self, tokens: Sequence[Token]) -> None:
        if self._log_end.is_before(tokens):
            detail = f"A {consistency.HEADER} stands for a position that the log does not have."
            raise ProblemError(Problem(HTTPStatus.BAD_REQUEST, "unknown-consistency-token", detail))

    def becomes_visible(self, outcome: Outcome, deadline: float) -> Waits[bool]:
        """Return True if every read model shows an outcome before a time of the monotonic clock.

        Return False if the read database is away: then nobody can tell, and the command is done all
        the same.
        """
        try:
            return (yield from self._is_shown(outcome, deadline))
        except PyMongoError as error:
            logger.warning("a command is done, and where it shows cannot be told", error=error)
            return False

    def _is_shown(self, outcome: Outcome, deadline: float) -> Waits[bool]:
        if outcome.seq is None:
            return False
        goals = self._goals(outcome.partition, outcome.seq)
        if not (yield from self._wait(goals, deadline)):
            return False
        if self._goals(outcome.partition, outcome.seq) != goals:  # another generation went live meanwhile
            return all(self._visibility.of(outcome.stream, outcome.partition, outcome.seq).values())
        hiding = self._visibility.hiding(outcome.stream, outcome.partition, outcome.seq)
        return all((goal.name, goal.generation) not in hiding for goal in goals)

    def _goals(self, partition: int, seq: int) -> list[Goal]:
        """Return the position as a goal of each read model, in its live generation."""
        return [Goal(model.name, self._store.generation(model.name), partition, seq) for model in READ_MODELS]

    def _wait(self, goals: Sequence[Goal], deadline: float) -> Waits[bool]:
        left_over = list(goals)

        def seem_reached() -> bool:
            return all(self._notifier.position(goal.topic) >= goal.seq for goal in left_over)

        with self._notifier.expect((goal.topic for goal in goals), seem_reached) as woken:
            left_over = self._unreached(goals)
            while left_over and (left := deadline - time.monotonic()) > 0 and not self._stopping.is_set():
                yield Pause(min(left, LOOK_AGAIN_S), woken)
                if self._stopping.is_set():
                    break
                woken.clear()
                left_over = self._unreached(left_over)
            return not left_over

    def _unreached(self, goals: Sequence[Goal]) -> list[Goal]:
        """Return the goals that are not reached, as the database says."""
        places = [(goal.name, goal.generation, goal.partition) for goal in goals]
        positions = self._visibility.positions(places)
        return [goal for goal, position in zip(goals, positions, strict=True) if position < goal.seq]


def behind(name: str) -> ProblemError:
    detail = f"{name} does not show yet what the Consistency-Token stands for."
    problem = Problem(HTTPStatus.SERVICE_UNAVAILABLE, "read-model-behind", detail)
    return ProblemError(problem, {"Retry-After": str(RETRY_AFTER_S)})


def _too_many_waits() -> ProblemError:
    detail = "Too many of your requests are waiting. This one was not carried out."
    problem = Problem(HTTPStatus.TOO_MANY_REQUESTS, "too-many-waits", detail)
    return ProblemError(problem, {"Retry-After": str(RETRY_AFTER_S)})
