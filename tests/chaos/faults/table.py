"""Every kind of fault, by name."""

from collections.abc import Mapping

from tests.chaos.faults.deliveries import Duplicates, flush_redis, reorder
from tests.chaos.faults.fault import Fault
from tests.chaos.faults.kills import crash, kill, kill_mongod, kill_redis
from tests.chaos.faults.stalls import stall
from tests.chaos.points import APPENDED, CLAIMED, FOLDED, WRITTEN


def all_faults() -> Mapping[str, Fault]:
    """New ones, as some remember what they did."""
    return {
        "kill web": kill("web"),
        "kill commands": kill("commands"),
        "kill projections": kill("projections"),
        "kill clock": kill("clock"),
        "kill mongod": kill_mongod,
        "kill redis": kill_redis,
        "flush redis": flush_redis,
        "crash commands": crash("commands", (CLAIMED, APPENDED)),
        "crash projections": crash("projections", (FOLDED, WRITTEN)),
        "stall commands": stall("commands", (CLAIMED,)),
        "stall projections": stall("projections", (FOLDED, WRITTEN)),
        "duplicate": Duplicates(),
        "reorder": reorder,
    }


LONG = frozenset({"stall commands", "stall projections"})
"""Those that take so long that they cannot be the last."""
