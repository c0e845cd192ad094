"""What a fault is here: it waits until all servers are well, acts alone, and leaves them well again.

So each fault's cost can be told from the others'. It is driven like those of ``make chaos``: a generator that
yields the seconds until it wants to go on, and undoes in a ``finally`` what it did.
"""

import time
from collections.abc import Callable

from tests.chaos.faults.fault import Acting, Fault
from tests.chaos.scene import Scene
from tests.failover.stage import Stage, Strike

LOOK_S = 0.25
CALM_S = 90.0
"""How long a fault waits for the one before it, and for the servers to be well."""
SERVERS = "servers"
"""What a fault holds while it acts."""

Act = Callable[[Stage, Strike], Acting[None]]


def alone(kind: str, calm: Callable[[Stage], bool], act: Act) -> Callable[[Stage], Fault]:
    """The fault ``act``, kept until no other acts and what it is to hit is ``calm``."""

    def on(stage: Stage) -> Fault:
        def fault(_: Scene) -> Acting[None]:
            deadline = time.monotonic() + CALM_S
            while SERVERS in stage.busy or not calm(stage):
                if time.monotonic() > deadline:
                    stage.note(kind, hit=False)
                    return
                yield LOOK_S
            with stage.holding(SERVERS):
                strike = stage.strike(kind)
                try:
                    yield from act(stage, strike)
                finally:
                    stage.over(strike)

        return fault

    return on


def lasting(undo: Callable[[], None], seconds: float) -> Acting[None]:
    """Let so much time pass, and undo whatever was done also when the round ends before."""
    try:
        yield seconds
    finally:
        undo()


def mongo_is_well(stage: Stage) -> bool:
    return stage.mongo.healthy()
