"""``kill -9``: of any process at any moment, of one caught at a point, and of the servers."""

from collections.abc import Sequence

from api.local.process import ServerProcess
from tests.chaos.faults.fault import PATIENCE_S, Acting, Fault, awaiting, caught
from tests.chaos.scene import Scene

SUPERVISOR_S = 1.0
"""A supervisor starts again within this time what has died."""
DOWN_S = 2.0


def kill(kind: str) -> Fault:
    """Any process of a kind, whatever it is doing."""

    def fault(scene: Scene) -> Acting[None]:
        process = yield from awaiting(lambda: scene.free(kind), PATIENCE_S)
        if process is None:
            scene.note(f"kill {kind}", hit=False)
            return
        with scene.holding(process.name):
            process.kill()
            scene.note(f"kill {kind}", hit=True)
            try:
                yield scene.rng.uniform(0, SUPERVISOR_S)
            finally:
                process.start()

    return fault


def crash(kind: str, points: Sequence[str], about: str = "") -> Fault:
    """A process of a kind, at one of some points."""

    def fault(scene: Scene) -> Acting[None]:
        process = yield from caught(scene, kind, scene.rng.choice(points), about)
        if process is None:
            scene.note(f"crash {kind}", hit=False)
            return
        with scene.holding(process.name):
            process.kill()
            scene.note(f"crash {kind}", hit=True)
            try:
                yield scene.rng.uniform(0, SUPERVISOR_S)
            finally:
                process.start()

    return fault


def kill_mongod(scene: Scene) -> Acting[None]:
    return _kill_server(scene, scene.cluster.mongod)


def kill_redis(scene: Scene) -> Acting[None]:
    return _kill_server(scene, scene.cluster.redis)


def _kill_server(scene: Scene, server: ServerProcess) -> Acting[None]:
    if server.name in scene.busy:
        scene.note(f"kill {server.name}", hit=False)
        return
    with scene.holding(server.name):
        server.kill()
        scene.note(f"kill {server.name}", hit=True)
        try:
            yield scene.rng.uniform(0, DOWN_S)
        finally:
            server.start()
