"""Commands are handled side by side, and a suspect alone.

A readers-writer lock: any number of handlers share it, one that must be alone has it to itself. Who waits
to be alone lets nobody else in, so it does not wait for ever; every wait is bounded all the same.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from write_side.errors import BusyError

PATIENCE_S = 15.0
"""Longer than the bound on a handler's operations, 10 s."""


class Company:
    """Who handles commands in this process at the moment."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._together = 0
        self._alone = False
        self._wanting = 0

    @contextmanager
    def together(self) -> Iterator[None]:
        """Handle beside others; raises ``BusyError`` if somebody is alone for too long."""
        with self._changed:
            if not self._changed.wait_for(lambda: not (self._alone or self._wanting), PATIENCE_S):
                raise BusyError("a suspect command is being handled alone")
            self._together += 1
        try:
            yield
        finally:
            with self._changed:
                self._together -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Handle with nobody beside; raises ``BusyError`` if the others do not end in time."""
        with self._changed:
            self._wanting += 1
            try:
                if not self._changed.wait_for(lambda: not (self._alone or self._together), PATIENCE_S):
                    raise BusyError("the commands beside a suspect do not end")
                self._alone = True
            finally:
                self._wanting -= 1
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()
