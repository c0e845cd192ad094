"""SIGSTOP: a process that does nothing for so long that it is taken for dead, and then goes on.

Fifteen seconds are longer than a lease, a hole's grace period and the silence after which a worker's messages
are given to others.
"""

from collections.abc import Sequence

from tests.chaos.faults.fault import Acting, Fault, caught, let_go
from tests.chaos.scene import Scene

STALL_S = 15.0


def stall(kind: str, points: Sequence[str], seconds: float = STALL_S, about: str = "") -> Fault:
    """A process of a kind, at one of some points."""

    def fault(scene: Scene) -> Acting[None]:
        process = yield from caught(scene, kind, scene.rng.choice(points), about)
        if process is None:
            scene.note(f"stall {kind}", hit=False)
            return
        with scene.holding(process.name):
            scene.note(f"stall {kind}", hit=True)
            try:
                yield seconds
            finally:
                let_go(process)

    return fault
