"""Whether memory stays flat: each process after an hour's worth of orders, posted as fast as it goes.

The whole system takes part. Resident memory is looked at after each tenth. What counts is the last against
that after the fifth: by then everything has been used, and what keeps a bounded part of the log in memory
is full. mongod fills its cache as it may, and Redis holds nothing between the tenths; both are told, not
judged.
"""

from tests.benchmarks import wire, workload
from tests.benchmarks.caller import Caller
from tests.benchmarks.cast import Cast
from tests.benchmarks.cpu import resident_bytes
from tests.benchmarks.figures import RATIO, Figure, at_most
from tests.benchmarks.samples import Samples
from tests.benchmarks.sizes import Size

NAMES = ("memory_growth",)
TENTHS = 10
WARM_TENTHS = 5
PATIENCE_S = 600.0
MIB = 2**20


def measure(cast: Cast, size: Size) -> list[Figure]:
    stage = cast.stage
    token = stage.token("staff", "ann")
    requests = [wire.post("/orders", order, token) for order in workload.Orders(7).several(500)]
    cast.twofold.until_done()
    tenths = []
    with Caller(stage.port, size.callers) as caller:
        for _ in range(TENTHS):
            answers = caller.as_fast_as_it_goes(requests, PATIENCE_S, most=size.hour_of_commands // TENTHS)
            answers.rate(202)
            cast.twofold.until_done()
            tenths.append({name: used / MIB for name, used in resident_bytes(stage.pids).items()})
    growth = {name: tenths[-1][name] / tenths[WARM_TENTHS - 1][name] for name in tenths[-1]}
    worst = max(stage.processes, key=lambda name: growth[name])
    return [
        Figure(
            "memory_growth",
            RATIO,
            Samples.of([growth[worst]]),
            at_most(1.1),
            about=f"{worst}, after {size.hour_of_commands:,} orders",
            details={
                "worst": worst,
                "orders": size.hour_of_commands,
                "growth": growth,
                "mib": {name: [round(tenth[name], 1) for tenth in tenths] for name in tenths[-1]},
            },
        )
    ]
