"""The profile: processor time per command by component, and the functions that each Python process runs most.

Over two loads: commands from the queue to every read model, and ``POST /orders`` with the workers at their
work. Measured apart from the benchmark's figures, since sampling costs something.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from tests.benchmarks import stacks, wire, workload
from tests.benchmarks.caller import Caller
from tests.benchmarks.cast import Cast
from tests.benchmarks.contestants.twofold import Twofold
from tests.benchmarks.cpu import Meter, Spent
from tests.benchmarks.sizes import Size
from tests.benchmarks.stage import Stage

SERVERS = ("mongod", "redis", "(benchmark)")
FUNCTIONS = 15
PACKAGES = 8


@dataclass(frozen=True, slots=True)
class Load:
    """One load: what it did, and what it took."""

    name: str
    commands: int
    seconds: float
    spent: Spent

    @property
    def per_s(self) -> float:
        return self.commands / self.seconds

    def microseconds(self, component: str) -> float:
        """Per command."""
        return 1e6 * self.spent[component] / self.commands


def from_queue(stage: Stage, twofold: Twofold, orders: int) -> Load:
    """Orders on the queue until they are visible in all read models."""
    meter = Meter(stage.pids)
    seconds = twofold.place(orders, begin=meter.restart)
    return Load("queue to visible", orders, seconds, meter.read())


def posted(stage: Stage, size: Size) -> Load:
    """``POST /orders``, while the workers handle what is posted."""
    token = stage.token("staff", "ann")
    requests = [wire.post("/orders", order, token) for order in workload.Orders(2).several(200)]
    with Caller(stage.port, size.callers) as caller:
        caller.as_fast_as_it_goes(requests, size.seconds / 5)
        meter = Meter(stage.pids)
        answers = caller.as_fast_as_it_goes(requests, size.seconds)
        spent = meter.read()
    return Load("POST, workers at work", answers.statuses[202], answers.seconds, spent)


def profile(cast: Cast, size: Size, console: Console) -> None:
    """Print it."""
    stage, twofold = cast.stage, cast.twofold
    seconds = twofold.place(size.first_orders)
    orders = max(size.first_orders, int(2 * size.seconds * size.first_orders / seconds))
    loads = [from_queue(stage, twofold, orders), posted(stage, size)]
    twofold.until_done()
    console.print(components(loads))
    if not stacks.is_available():
        console.print("py-spy is not installed: no functions (pip install py-spy)")
        return
    with stacks.sampled(python_processes(stage)) as sampled:
        twofold.place(2 * orders)
    console.print(functions("queue to visible", sampled, ("commands", "projections")))
    with stacks.sampled(python_processes(stage)) as sampled:
        posted(stage, size)
    twofold.until_done()
    console.print(functions("POST", sampled, ("web",)))


def python_processes(stage: Stage) -> Mapping[str, int]:
    return {name: pid for name, pid in stage.pids.items() if name not in SERVERS}


def components(loads: list[Load]) -> Table:
    """Microseconds of processor time per command, for each component and load."""
    table = Table("component", title="Processor time per command, µs")
    for load in loads:
        table.add_column(f"{load.name}\n{load.commands:,} at {load.per_s:,.0f}/s", justify="right")
    for component in loads[0].spent:
        table.add_row(component, *(f"{load.microseconds(component):,.0f}" for load in loads))
    totals = [sum(map(load.microseconds, load.spent)) for load in loads]
    table.add_section()
    table.add_row("all", *(f"{total:,.0f}" for total in totals))
    used = [sum(load.spent.values()) / load.seconds for load in loads]
    table.add_row("cores busy", *(f"{cores:.2f}" for cores in used))
    return table


def functions(load: str, sampled: stacks.Stacks, processes: tuple[str, ...]) -> Table:
    """What held the interpreter, by package and by function: the innermost frame."""
    table = Table("process", "part", "function", title=f"Where the Python goes: {load}")
    for process in processes:
        for package, part in sampled.packages(process, PACKAGES):
            table.add_row(process, f"{part:.1%}", package)
        table.add_section()
        for function, part in sampled.top(process, FUNCTIONS):
            table.add_row(process, f"{part:.1%}", function)
        table.add_section()
    return table
