"""The figures of a queue that an operator sees, from two looks at it.

Both looks count what has passed, so a rate is their difference per second. Work in its ordinary
course looks stranded for an instant: a bell is rung just after the commit, and the next sweep finds
a lost command. So only work that was stranded in both looks is called stranded.
"""

from dataclasses import dataclass

from bus.inspection.snapshot import Inspection, QueueInspection


@dataclass(frozen=True, slots=True)
class Stranded:
    """Work that nobody is about to do; the sweeps find it. ``total`` is ordinarily 0."""

    silent: int
    """Messages in flight with silent workers: back on the queue within 20 s of the silence."""
    overdue: int
    """Commands that are unfinished, overdue and not on the queue: the clock enqueues them again."""
    unrung: int
    """A read model's partitions that are behind without a bell: the projections' watchdog rings."""
    total: int


@dataclass(frozen=True)
class Figures:
    """One queue. Rates and stranded work need two looks: they are ``null`` after the first."""

    queue: str
    waiting: int
    in_flight: int
    delayed: int
    dead: int
    oldest_s: float | None
    in_per_s: float | None
    out_per_s: float | None
    stranded: Stranded | None


def between(first: Inspection | None, second: Inspection) -> list[Figures]:
    """Return each queue's figures as of the second look; a queue that is new there has no rates."""
    seconds = second.at - first.at if first else 0.0
    earlier = first.queues if first and seconds > 0 else {}
    return [_of_queue(queue, earlier.get(queue), look, seconds) for queue, look in second.queues.items()]


def _of_queue(queue: str, before: QueueInspection | None, look: QueueInspection, seconds: float) -> Figures:
    return Figures(
        queue=queue,
        waiting=look.waiting,
        in_flight=look.in_flight,
        delayed=look.delayed,
        dead=look.dead,
        oldest_s=look.oldest_s,
        in_per_s=_rate(look.came - before.came, seconds) if before else None,
        out_per_s=_rate(look.done - before.done, seconds) if before else None,
        stranded=_stranded(before, look) if before else None,
    )


def _stranded(before: QueueInspection, look: QueueInspection) -> Stranded:
    silent = min(before.silent, look.silent)
    overdue, unrung = len(before.overdue & look.overdue), len(before.behind & look.behind)
    return Stranded(silent, overdue, unrung, total=silent + overdue + unrung)


def _rate(count: int, seconds: float) -> float:
    """Return a rate per second that is never negative.

    The parts of a count are read one after the other, and a rebuild starts at 0.
    """
    return round(max(0, count) / seconds, 1)
