"""Reads one partition of the log once for all the read models that are filled from it together.

Reading the log and validating its events is half of a fill's work, and the same for every model. So
the models go through the log side by side, a thread for each. The thread that comes first to the
end of the present stretch waits until the others have that stretch too. Then it reads the next
stretch for all. Meanwhile the stretch after that one is read ahead. So memory holds three stretches
at most, and each is bounded in commits and in bytes.

Each member gets the log as it is, because a stretch is contiguous and settled, so it never changes.
An empty stretch only means that the log ended there at that moment. It is not shared with other
members, and an empty stretch that was read ahead is dropped.

The scan does not wait for a member that has left or is at another position in the log. It waits for
no member longer than ``PATIENCE_S``. A member that was left behind reads for itself from then on,
which costs time and changes nothing.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from bus.log.view import LogSlice

PATIENCE_S = 5.0
LOOK_S = 0.2
"""The seconds within which a waiting thread notices that it should stop."""

Read = Callable[[int], LogSlice]
"""Returns the next stretch after a position."""


class Member:
    """A read model's place in the scan; ``read`` is a ``ProjectionContext.read`` for its thread."""

    def __init__(self, scan: "SharedScan") -> None:
        self._scan = scan
        self.has: int | None = None
        """The position after which its latest stretch begins; ``None`` before the first."""
        self.starts_after: int | None = None
        """The position where it stands, once it has come to the start."""
        self.is_alone = False

    def read(self, _partition: int, after: int, _limit: int) -> LogSlice:
        return self._scan.next_for(self, after)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._scan.leave(self)


class SharedScan:
    """The members' common way through one partition."""

    def __init__(self, read: Read, members: int, stopping: threading.Event) -> None:
        self._read = read
        self._stopping = stopping
        self._changed = threading.Condition()
        self.members = [Member(self) for _ in range(members)]
        self._present = set(self.members)
        self._begin: int | None = None  # of the stretch at hand
        self._stretch = LogSlice((), ())
        self._ahead: tuple[int, Future[LogSlice]] | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="read ahead")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def leave(self, member: Member) -> None:
        with self._changed:
            self._present.discard(member)
            self._changed.notify_all()

    def next_for(self, member: Member, after: int) -> LogSlice:
        """Return the stretch after a position: the present one, the next for all, or its own."""
        with self._changed:
            if after == self._begin:
                return self._given(member)
            if self._is_next(after):
                self._wait_for_the_others(member, after)
                if after == self._begin:  # another one was quicker
                    return self._given(member)
                if self._may_advance(after):
                    return self._advanced(member, after)
            member.is_alone = True
            self._changed.notify_all()
        return self._read(after)

    def _is_next(self, after: int) -> bool:
        return self._begin is None or after == self._stretch.commits[-1].seq

    def _may_advance(self, after: int) -> bool:
        """Return True if the next stretch begins here; the first is the earliest one needed."""
        if self._begin is not None:
            return self._is_next(after)
        starts = [each.starts_after for each in self._present if each.starts_after is not None]
        return after == min(starts)

    def _given(self, member: Member) -> LogSlice:
        member.has, member.is_alone = self._begin, False
        self._changed.notify_all()
        return self._stretch

    def _advanced(self, member: Member, after: int) -> LogSlice:
        """Read under the lock: a member that waits for the same finds it; every call is bounded."""
        stretch = self._from_ahead(after) or self._read(after)
        if not stretch.commits:
            return stretch
        self._begin, self._stretch = after, stretch
        following = stretch.commits[-1].seq
        self._ahead = following, self._pool.submit(self._read, following)
        return self._given(member)

    def _from_ahead(self, after: int) -> LogSlice | None:
        if self._ahead is None or self._ahead[0] != after:
            return None
        (_, reading), self._ahead = self._ahead, None
        try:
            stretch = reading.result()
        except Exception:  # noqa: BLE001 - whatever it was: it is read again, and raises here if it must
            return None
        return stretch if stretch.commits else None

    def _wait_for_the_others(self, member: Member, after: int) -> None:
        """Wait until every member that is on the way has the stretch at hand.

        Before the first stretch, wait until each stands at its start. A member that is not there
        within ``PATIENCE_S`` is left behind.
        """
        if self._begin is None:
            member.starts_after = after
            self._changed.notify_all()
        begin, deadline = self._begin, time.monotonic() + PATIENCE_S
        while self._begin == begin and not self._stopping.is_set():
            behind = [each for each in self._present if not (each.is_alone or self._is_here(each, begin))]
            if not behind:
                return
            if time.monotonic() > deadline:
                for each in behind:
                    each.is_alone = True
                return
            self._changed.wait(LOOK_S)

    @staticmethod
    def _is_here(member: Member, begin: int | None) -> bool:
        return member.starts_after is not None if begin is None else member.has == begin
