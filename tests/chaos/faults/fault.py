"""What a fault is: a generator that acts, and yields the seconds until it wants to go on.

All faults are driven by one thread, so they overlap without a lock, and what they start again has a parent
that lives as long as the round. What a fault has done it undoes in a ``finally``: closing it early leaves
nothing stopped or dead behind.
"""

import os
import time
from collections.abc import Callable, Generator
from signal import SIGCONT
from typing import TypeVar

from tests.chaos.points import is_stopped
from tests.chaos.scene import Scene
from tests.support.processes import Process

LOOK_S = 0.02
PATIENCE_S = 40.0
"""For something to act on: longer than the longest fault that may be in the way."""
CATCH_S = 30.0
"""For a process to come to the point where it is to be caught."""

T = TypeVar("T")
Acting = Generator[float, None, T]
Fault = Callable[[Scene], Acting[None]]


def awaiting(condition: Callable[[], T | None], seconds: float) -> Acting[T | None]:
    """Go on looking until the condition gives something; ``None`` after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            return None
        yield LOOK_S
    return value


def caught(scene: Scene, kind: str, point: str, about: str = "") -> Acting[Process | None]:
    """A process of a kind, stopped at a point; ``None`` if none got there in time.

    Whoever gets it is to hold it, and to kill it or let it go.
    """
    process = yield from awaiting(lambda: scene.free(kind), PATIENCE_S)
    if process is None or (pid := process.pid) is None:
        return None
    asking = scene.cluster.asking[process.name]
    with scene.holding(process.name):
        asking.ask(point, about)
        try:
            yield from awaiting(lambda: is_stopped(pid) or process.pid is None, CATCH_S)
        except GeneratorExit:
            asking.withdraw()
            let_go(process)
            raise
        asking.withdraw()
    return process if is_stopped(pid) else None


def let_go(process: Process) -> None:
    """Let it run again, if it is there at all."""
    if (pid := process.pid) is not None:
        os.kill(pid, SIGCONT)
