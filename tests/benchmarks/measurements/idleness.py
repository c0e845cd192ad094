"""What Twofold's processes use while there is nothing to do, in percent of one core: the worst counts."""

import time

from tests.benchmarks.cast import Cast
from tests.benchmarks.cpu import Meter
from tests.benchmarks.figures import Figure, at_most
from tests.benchmarks.samples import Samples
from tests.benchmarks.sizes import Size

NAMES = ("idle_cpu",)
SETTLE_S = 1.0


def measure(cast: Cast, size: Size) -> list[Figure]:
    stage = cast.stage
    cast.twofold.until_done()
    time.sleep(min(SETTLE_S, size.idle_s))
    meter = Meter(stage.pids)
    windows = []
    for _ in range(size.rounds):
        meter.restart()
        began = time.perf_counter()
        time.sleep(size.idle_s)
        seconds = time.perf_counter() - began
        windows.append({name: 100 * used / seconds for name, used in meter.read().items()})
    percent = {name: Samples.of(window[name] for window in windows) for name in windows[0]}
    worst = max(stage.processes, key=lambda name: percent[name].median)
    return [
        Figure(
            "idle_cpu",
            "%",
            percent[worst],
            at_most(1.0),
            about=f"of a core, {worst}",
            details={"worst": worst, "percent_by_process": percent},
        )
    ]
