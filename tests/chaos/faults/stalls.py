"""SIGSTOP: a process that does nothing for so long that it is taken for dead, and then goes on.

Fifteen seconds are longer than a lease, a gap's grace period and the silence after which a worker's messages
are given to others.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from tests.chaos.faults.fault import PATIENCE_S, Acting, Fault, awaiting, caught, let_go
from tests.chaos.points import FOLDED
from tests.chaos.scene import Scene
from tests.support.processes import Process

STALL_S = 15.0
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
FURTHER = 10
"""Commits that another runner has taken in when the stalled one is let go."""


def stall(kind: str, points: Sequence[str]) -> Fault:
    """A process of a kind, at one of some points."""

    def fault(scene: Scene) -> Acting[None]:
        process = yield from caught(scene, kind, scene.rng.choice(points))
        if process is None:
            scene.note(f"stall {kind}", hit=False)
            return
        with scene.holding(process.name):
            scene.note(f"stall {kind}", hit=True)
            try:
                yield STALL_S
            finally:
                let_go(process)

    return fault


def overtake(read_model: str) -> Fault:
    """Who has folded a batch of a read model, until another has taken its lease and gone on from there.

    On a slow machine it may have lost its leases before it was caught; then all that others hold has to go
    on.
    """

    def fault(scene: Scene) -> Acting[None]:
        overtaken = None
        process = yield from caught(scene, "projections", FOLDED, read_model)
        if process is not None:
            with scene.holding(process.name):
                try:
                    held = _held(scene, read_model, process)
                    overtaken = yield from awaiting(lambda: _moved_on(scene, held), PATIENCE_S)
                finally:
                    let_go(process)
        scene.note(f"overtake {read_model}", hit=overtaken)

    return fault


def _held(scene: Scene, read_model: str, process: Process) -> dict[str, int]:
    """The checkpoints that a process may move, with their positions; those of all if it may move none."""
    checkpoints = scene.cluster.read_database.checkpoints
    every = {"name": read_model}
    its = {"owner": {"$regex": f":{process.pid}$"}, "expires_at": {"$gt": LONG_AGO}}  # a released one is old
    for where in (every | its, every):
        if held := {stored["_id"]: stored["position"] for stored in checkpoints.find(where)}:
            return held
    return {}


def _moved_on(scene: Scene, held: dict[str, int]) -> bool:
    checkpoints = scene.cluster.read_database.checkpoints.find({"_id": {"$in": list(held)}})
    return any(stored["position"] >= held[stored["_id"]] + FURTHER for stored in checkpoints)
