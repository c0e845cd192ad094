"""How much is measured: all of it, the quick way, or just enough to see that the measurements run."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """The extent of one run of the benchmark."""

    rounds: int
    seconds: float
    """What one contestant's turn in a throughput round should take."""
    first_orders: int
    """Orders of the turn that finds out how many orders such a turn takes."""
    callers: int
    """Connections that send requests."""
    idle_orders: int
    """Orders of the stock version, one after another in a round; Twofold has several for each of them."""
    listed: tuple[int, ...]
    """Orders in the log, in the small and in the large, when a customer's newest are listed."""
    lists: int
    """Pages asked for in a round."""
    rebuilt: int
    """Orders in the log that a read model is rebuilt from."""
    idle_s: float
    """How long the idle system is watched in a round."""
    hour_of_commands: int
    """What an hour brings at 20 a second; when it is less, a part of an hour."""
    each_doubled: bool
    """Whether command workers and projectors are doubled one without the other, too."""
    waiting: int
    """Commands on the queue whose memory is looked at."""
    finished_s: float
    """How long finished commands may take to leave the inbox."""
    changes: int
    """Changes of one product, and of as many products, in a turn."""
    changes_s: float
    """How long such a turn may take; past it counts what was decided by then."""
    renamed_orders: int
    """Orders of the customer who is renamed."""
    renames: int
    """How often that customer is renamed."""
    alone: int
    """Requests, one after another, that tell what they take while nothing else goes on."""
    sold_products: int
    sold_days: int
    """Products, and the days on which each of them was sold, when the analytics are asked."""


FULL = Size(
    rounds=5,
    seconds=5.0,
    first_orders=1_000,
    callers=32,
    idle_orders=15,
    listed=(10_000, 1_000_000),
    lists=300,
    rebuilt=100_000,
    idle_s=10.0,
    hour_of_commands=72_000,
    each_doubled=True,
    waiting=100_000,
    finished_s=120.0,
    changes=1_000,
    changes_s=60.0,
    renamed_orders=50_000,
    renames=3,
    alone=40,
    sold_products=1_000,
    sold_days=3 * 365,
)
QUICK = Size(
    rounds=5,
    seconds=1.3,
    first_orders=300,
    callers=32,
    idle_orders=4,
    listed=(10_000, 30_000),
    lists=100,
    rebuilt=5_000,
    idle_s=2.0,
    hour_of_commands=12_000,
    each_doubled=False,
    waiting=100_000,
    finished_s=20.0,
    changes=1_000,
    changes_s=30.0,
    renamed_orders=3_000,
    renames=2,
    alone=15,
    sold_products=200,
    sold_days=365,
)
TINY = Size(
    rounds=1,
    seconds=0.1,
    first_orders=10,
    callers=4,
    idle_orders=1,
    listed=(40, 80),
    lists=3,
    rebuilt=40,
    idle_s=0.1,
    hour_of_commands=40,
    each_doubled=False,
    waiting=5_000,  # many times what clients' buffers in Redis come to, which shrink when they please
    finished_s=0.1,
    changes=20,
    changes_s=30.0,
    renamed_orders=30,
    renames=1,
    alone=2,
    sold_products=10,
    sold_days=60,
)
