"""Orders a second, from commands on the queue to visible in all read models; and so the yardsticks.

A first turn of each finds out how many orders fill a turn; then they take turns. Everybody's processes are
running and idle before a turn begins. In Twofold's turns the processor time of each process is counted: what
an order costs. The benchmark's own is not in it.
"""

from collections.abc import Callable
from functools import partial

from tests.benchmarks.cast import Cast
from tests.benchmarks.figures import RATIO, Figure, at_least
from tests.benchmarks.rounds import interleaved
from tests.benchmarks.samples import Samples
from tests.benchmarks.sizes import Size
from tests.benchmarks.turns import Turn, metered, microseconds

PROCESSES = ("web", "commands", "projections", "clock", "mongod", "redis")
NAMES = (
    *("e2e_vs_stock", "e2e_vs_noop", "e2e_vs_eventsourcing", "cpu_us_per_order"),
    *(f"cpu_us_per_order_{process}" for process in PROCESSES),
)
MOST_ORDERS = 200_000
GOALS = {"stock": 9.0, "noop": 0.33, "eventsourcing": 1.25}

Place = Callable[[int], float]
"""Handles so many orders and returns the seconds that it took."""


def measure(cast: Cast, size: Size) -> list[Figure]:
    contestants: dict[str, Place] = {
        "twofold": cast.twofold.place,
        "stock": cast.stock.place,
        "noop": cast.noop.place,
        "eventsourcing": cast.event_sourced.place,
    }
    orders = {name: orders_for(place, size) for name, place in contestants.items()}
    pids = cast.stage.pids
    metered_turns: list[Turn] = []

    def twofold() -> float:
        metered_turns.append(metered(cast.twofold, pids, orders["twofold"]))
        return metered_turns[-1].per_s

    turns: dict[str, Callable[[], float]] = {
        name: partial(per_second, place, orders[name]) for name, place in contestants.items()
    }
    turns["twofold"] = twofold
    rates = {name: Samples.of(rates) for name, rates in interleaved(size.rounds, turns).items()}
    cast.twofold.verify()
    cast.stock.verify()
    rated = [
        Figure(
            f"e2e_vs_{name}",
            RATIO,
            rates["twofold"].over(rates[name]),
            at_least(goal),
            about=f"{rates['twofold']} orders/s against {rates[name]}",
            details={
                "twofold_orders_per_s": rates["twofold"],
                f"{name}_orders_per_s": rates[name],
                "orders_per_turn": {"twofold": orders["twofold"], name: orders[name]},
            },
        )
        for name, goal in GOALS.items()
    ]
    return [*rated, *_cpu(metered_turns)]


def _cpu(turns: list[Turn]) -> list[Figure]:
    """Processor time per order: of all of Twofold's processes and the two servers, and of each."""
    each = {process: microseconds(turns, process) for process in PROCESSES}
    cores = Samples.of(turn.cores for turn in turns)
    return [
        Figure(
            *("cpu_us_per_order", "µs", microseconds(turns, *PROCESSES)),
            about=f"processor time of all, {cores} cores busy",
            details={"cores_busy": cores, "by_process": each},
        ),
        *(
            Figure(f"cpu_us_per_order_{process}", "µs", used, details={"cores_busy": cores})
            for process, used in each.items()
        ),
    ]


def orders_for(place: Place, size: Size) -> int:
    """How many orders take about as long as a turn should; the second, warm turn tells."""
    place(size.first_orders)
    seconds = place(size.first_orders)
    return max(size.first_orders, min(MOST_ORDERS, int(size.first_orders * size.seconds / seconds)))


def per_second(place: Place, orders: int) -> float:
    return orders / place(orders)
