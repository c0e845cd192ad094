"""The end-to-end rate with one and with two command workers and projector processes, and what bounds it.

The figure is two of each against one of each. For each combination the details have the processor time per
order by component, and how many cores were busy: where that is all of them, the machine is the bound, and
the largest component is what it is spent on.
"""

import os
from functools import partial

from tests.benchmarks.cast import Cast
from tests.benchmarks.figures import RATIO, Figure
from tests.benchmarks.measurements.end_to_end import orders_for
from tests.benchmarks.rounds import interleaved
from tests.benchmarks.samples import Samples
from tests.benchmarks.sizes import Size
from tests.benchmarks.stage import Stage
from tests.benchmarks.turns import Turn, metered, microseconds
from tests.support.waiting import until

NAMES = ("scaling",)
SECOND = {"commands": "write_side", "projections": "read_side"}
"""What can be had twice, and its package."""
START_S = 60.0


def measure(cast: Cast, size: Size) -> list[Figure]:
    orders = orders_for(cast.twofold.place, size)
    combinations = {(): "1+1", tuple(SECOND): "2+2"}
    if size.each_doubled:
        combinations |= {("commands",): "2+1", ("projections",): "1+2"}
    turns = {name: partial(_turn, cast, doubled, orders) for doubled, name in combinations.items()}
    measured = interleaved(size.rounds, turns)
    cast.twofold.verify()
    rates = {name: Samples.of(turn.per_s for turn in each) for name, each in measured.items()}
    details = {
        name: {
            "orders_per_s": rates[name],
            "cores_busy": Samples.of(turn.cores for turn in each),
            "cpu_us_per_order": {part: microseconds(each, part) for part in each[0].microseconds},
        }
        for name, each in measured.items()
    }
    return [
        Figure(
            *("scaling", RATIO, rates["2+2"].over(rates["1+1"])),
            about=f"{rates['2+2']} orders/s with two processes of each kind, {rates['1+1']} with one",
            details={"cores": os.cpu_count(), "commands_and_projections_processes": details},
        )
    ]


def _turn(cast: Cast, doubled: tuple[str, ...], orders: int) -> Turn:
    for name in SECOND:
        _second(cast.stage, name, wanted=name in doubled)
    pids = cast.stage.pids | cast.stage.pids_of(f"{name}-2" for name in doubled)
    turn = metered(cast.twofold, pids, orders)
    for name in doubled:
        _second(cast.stage, name, wanted=False)
    return turn


def _second(stage: Stage, name: str, *, wanted: bool) -> None:
    """Have a second process of a kind, at work, or not."""
    second = f"{name}-2"
    if wanted:
        process = stage.start(second, SECOND[name], "worker")
        until(lambda: "working" in process.tail(), START_S, f"{second} is at work")
    elif second in stage.others:
        stage.others[second].stop()
