"""``kill -9`` of one of the product's processes."""

from collections.abc import Callable

from tests.chaos.faults.fault import Acting
from tests.failover.faults.fault import Act, lasting
from tests.failover.stage import Stage, Strike

SUPERVISOR_S = 1.0
"""A supervisor starts again within this time what has died."""


def kill(kind: str) -> Act:
    """One process of a kind."""

    def act(stage: Stage, strike: Strike) -> Acting[None]:
        process = stage.free(kind)
        assert process is not None
        with stage.holding(process.name):
            process.kill()
            stage.over(strike)
            yield from lasting(process.start, SUPERVISOR_S)

    return act


def run(kind: str) -> Callable[[Stage], bool]:
    """Whether all of a kind run."""
    return lambda stage: all(
        process.pid is not None
        for name, process in stage.cluster.processes.items()
        if name.startswith(f"{kind}.")
    )
