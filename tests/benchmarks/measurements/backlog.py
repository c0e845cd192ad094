"""Redis's memory with many commands waiting: what each order on the queue takes."""

from tests.benchmarks.cast import Cast
from tests.benchmarks.figures import Figure, at_most
from tests.benchmarks.samples import Samples
from tests.benchmarks.sizes import Size

NAMES = ("redis_waiting_bytes",)
MIB = 2**20


def measure(cast: Cast, size: Size) -> list[Figure]:
    twofold = cast.twofold
    before = twofold.redis_bytes()
    try:
        twofold.enqueue(size.waiting)
        used = twofold.redis_bytes() - before
    finally:
        twofold.clear_backstage()
    return [
        Figure(
            *("redis_waiting_bytes", "B", Samples.of([used / size.waiting]), at_most(250)),
            about=f"for each of {size.waiting:,} commands, {used / MIB:,.0f} MiB in all",
            details={"commands": size.waiting, "mib": used / MIB},
        )
    ]
