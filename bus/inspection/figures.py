"""What an operator is told of a queue: the figures between two looks at it.

What passes was counted in both, so the rate is their difference. Work in its ordinary course looks stranded
for an instant: a bell is rung just after the commit, a lost command is found by the next sweep. So only what
was stranded in both looks is called that.
"""

from dataclasses import dataclass

from bus.inspection.snapshot import Inspection, QueueInspection


@dataclass(frozen=True, slots=True)
class Stranded:
    """Work that nobody is about to do; the sweeps are there to find it."""

    silent: int
    """Messages in flight with workers that went silent: back on the queue within 20 s of the silence."""
    overdue: int
    """Commands that are unfinished, overdue, and not on the queue: the clock enqueues them again."""
    unrung: int
    """Partitions of a read model that are behind and have no bell: the projections' watchdog rings."""

    @property
    def total(self) -> int:
        return self.silent + self.overdue + self.unrung


@dataclass(frozen=True, slots=True)
class Figures:
    """One queue. Rates are commands or commits a second, ``None`` if there was one look only."""

    queue: str
    waiting: int
    in_flight: int
    delayed: int
    dead: int
    oldest_s: float | None
    in_per_s: float | None
    out_per_s: float | None
    stranded: Stranded


def between(first: Inspection, second: Inspection) -> list[Figures]:
    """The figures of each queue as it is in the second look; a queue that is new there has no rates."""
    seconds = second.at - first.at
    return [_of_queue(queue, first.queues.get(queue), look, seconds) for queue, look in second.queues.items()]


def _of_queue(queue: str, before: QueueInspection | None, look: QueueInspection, seconds: float) -> Figures:
    two = before is not None and before is not look and seconds > 0
    earlier = before if before is not None else look
    return Figures(
        queue=queue,
        waiting=look.waiting,
        in_flight=look.in_flight,
        delayed=look.delayed,
        dead=look.dead,
        oldest_s=look.oldest_s,
        in_per_s=_rate(look.came - earlier.came, seconds) if two else None,
        out_per_s=_rate(look.done - earlier.done, seconds) if two else None,
        stranded=Stranded(
            silent=min(earlier.silent, look.silent),
            overdue=len(earlier.overdue & look.overdue),
            unrung=len(earlier.behind & look.behind),
        ),
    )


def _rate(count: int, seconds: float) -> float:
    """Never negative: the parts of a count are read one after the other, and a rebuild starts at 0."""
    return round(max(0, count) / seconds, 1)
