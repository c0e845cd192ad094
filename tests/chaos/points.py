"""Named places in a worker where it can be caught: it stops itself there, once, when it has been asked to.

A worker that is started through an entry of ``tests/chaos`` runs the real main, with some of its methods
wrapped. Asking is a file in a folder of the process, so it needs neither Redis nor MongoDB. The thread that
gets there sends SIGSTOP to itself: that takes effect before its next line, where a signal to the process may
be taken by another thread some lines later. Everything stops with it, heartbeats and all. What happens next,
a SIGCONT or a ``kill -9``, is up to who asked.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

FOLDER = "CHAOS_POINTS"
"""The variable that names the process's folder."""

CLAIMED = "claimed"
"""A position of the log is claimed, nothing is inserted."""
APPENDED = "appended"
"""The decision is in the log, and its command has not left the inbox."""
FOLDED = "folded"
"""Under a lease, with a batch in memory, before its documents are written."""
WRITTEN = "written"
"""The documents are written, the checkpoint has not moved."""

About = Callable[[Any], str | None]
"""What a passage concerns; ``None`` if it is none."""


class Asking:
    """How one process is asked to stop at a point, and seen to have done so."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def ask(self, point: str, about: str = "") -> None:
        """At the next passage; with ``about`` only at one that concerns it."""
        whole = self.folder / f".{point}"
        whole.write_text(about)
        whole.rename(self.folder / point)

    def withdraw(self) -> None:
        for asked in self.folder.iterdir():
            asked.unlink(missing_ok=True)


def is_stopped(pid: int) -> bool:
    """Whether the process exists and is stopped (``proc(5)``, ``/proc/[pid]/stat``)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except FileNotFoundError:
        return False


def stop_if_asked(point: str, about: str = "") -> None:
    """Stop this process here if it was asked to."""
    asked = Path(os.environ[FOLDER]) / point
    try:
        if asked.read_text() not in {"", about}:
            return
        asked.unlink()  # of several threads one gets it
    except FileNotFoundError:
        return
    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


@contextmanager
def wrapped(
    owner: type,
    method: str,
    *,
    before: str | None = None,
    after: str | None = None,
    about: About = lambda _: "",
) -> Iterator[None]:
    """While the block runs, calls of a method pass points: before it, and after it unless it raised."""
    original = getattr(owner, method)

    def passing(self: Any, *args: Any, **options: Any) -> Any:
        concerned = about(self)
        if before is not None and concerned is not None:
            stop_if_asked(before, concerned)
        result = original(self, *args, **options)
        if after is not None and concerned is not None:
            stop_if_asked(after, concerned)
        return result

    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(owner, method, passing))
        yield
