"""Processor time by component, from ``/proc``: what each process, with its children, has used so far."""

import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_UTIME, _STIME = 11, 12  # fields 14 and 15 of proc(5), counted behind the name

Spent = Mapping[str, float]
"""Seconds by component."""


def family(pid: int, without: Collection[int] = ()) -> list[int]:
    """The process and its descendants, but none of ``without`` and what descends from them."""
    members = [pid]
    for member in members:
        for children in Path(f"/proc/{member}/task").glob("*/children"):
            with suppress(OSError):
                members += [int(child) for child in children.read_text().split() if int(child) not in without]
    return members


def _own(pid: int) -> float:
    """Seconds in user and in kernel mode; 0 if it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    fields = stat.rpartition(")")[2].split()
    return (int(fields[_UTIME]) + int(fields[_STIME])) / TICKS_PER_S


def resident_bytes(pid: int) -> int:
    """The memory that a process and its children have in RAM."""
    total = 0
    for member in family(pid):
        with suppress(OSError):
            total += int(Path(f"/proc/{member}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return total


class Meter:
    """What components use from its making on: each process with its children, unless they are components."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = dict(pids)
        self._before: Spent = {}
        self.restart()

    def restart(self) -> None:
        """Count from now on."""
        self._before = self._used()

    def read(self) -> Spent:
        return {name: used - self._before[name] for name, used in self._used().items()}

    def _used(self) -> dict[str, float]:
        components = set(self._pids.values())
        return {name: sum(map(_own, family(pid, components))) for name, pid in self._pids.items()}
