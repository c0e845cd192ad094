"""Redis's memory with many commands waiting: what a queue full of orders takes."""

from tests.benchmarks.cast import Cast
from tests.benchmarks.figures import Figure
from tests.benchmarks.samples import Samples
from tests.benchmarks.sizes import Size

NAMES = ("redis_waiting_mib",)
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
            "redis_waiting_mib",
            "MiB",
            Samples.of([used / MIB]),
            about=f"{size.waiting:,} commands, {used / size.waiting:,.0f} bytes each",
            details={"commands": size.waiting, "bytes_per_command": used / size.waiting},
        )
    ]
