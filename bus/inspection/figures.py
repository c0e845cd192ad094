"""What an operator is told of a queue: the figures between two looks at it.

What passes was counted in both, so the rate is their difference. Work in its ordinary course looks stranded
for an instant: a bell is rung just after the commit, a lost command is found by the next sweep. So only what
was stranded in both looks is called that.
"""

from dataclasses import dataclass

from bus.inspection.snapshot import Inspection, QueueInspection


@dataclass(frozen=True, slots=True)
class Stranded:
    """Work that nobody is about to do; the sweeps find it. ``total`` is 0 in the ordinary course."""

    silent: int
    """Messages in flight with workers that went silent: back on the queue within 20 s of the silence."""
    overdue: int
    """Commands that are unfinished, overdue, and not on the queue: the clock enqueues them again."""
    unrung: int
    """Partitions of a read model that are behind and have no bell: the projections' watchdog rings."""
    total: int


@dataclass(frozen=True)
class Figures:
    """One queue. Rates, and what is stranded, are between two looks: ``null`` after the first."""

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
    """The figures of each queue as it is in the second look; a queue that is new there has no rates."""
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
    """Never negative: the parts of a count are read one after the other, and a rebuild starts at 0."""
    return round(max(0, count) / seconds, 1)
