"""The measure: the pace of an ordinary caller before, during and after an attack on a system of its own."""

import multiprocessing
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from typing import Any

from tests.attacks.attack import Attack, Target
from tests.attacks.ordinary import OrdinaryCaller, Pace
from tests.support.system import System

WARM_S = 3.0
BEGINS_S = 8.0
"""After this time an attack is under way."""
STARTS_S = 60.0
ENDS_S = 20.0


@dataclass(frozen=True, slots=True)
class Row:
    """What an attack came to; ``did`` counts what the attackers did."""

    attack: str
    title: str
    before: Pace
    during: Pace
    after: Pace
    did: Mapping[str, int]


def measure(attack: Attack, seconds: float = 15.0) -> Row:
    """Start a system, ask it before, during and after an attack for so many seconds each, and stop it."""
    with System(None, **attack.settings) as system:
        caller = OrdinaryCaller(system)
        caller.pace(WARM_S)
        before = caller.pace(seconds)
        with _under(attack, _target(system)) as did:
            caller.pace(BEGINS_S)
            during = caller.pace(seconds)
        after = caller.pace(seconds)
    return Row(attack.name, attack.title, before, during, after, did)


def _target(system: System) -> Target:
    port = int(system.url.rpartition(":")[2])
    return Target(port, system.token("staff", "attacker"), system.token("customer", "attacker"))


@contextmanager
def _under(attack: Attack, target: Target) -> Iterator[dict[str, int]]:
    """An attack in a process of its own, which ends with the block; then what it did is in what is given."""
    spawning = multiprocessing.get_context("spawn")
    begun, over, told = spawning.Event(), spawning.Event(), spawning.Queue()
    process = spawning.Process(target=_attack, args=(attack, target, begun, over, told), daemon=True)
    did: dict[str, int] = {}
    process.start()
    try:
        if not begun.wait(STARTS_S):
            raise TimeoutError(f"the attackers have not started within {STARTS_S:g} s")
        yield did
        over.set()
        did.update(told.get(timeout=ENDS_S))
        process.join(ENDS_S)
    finally:
        process.kill()
        process.join(ENDS_S)


def _attack(attack: Attack, target: Target, begun: Event, over: Event, told: "Queue[Any]") -> None:
    # Attackers are on other machines. Here they share the cores, and must not take them from the service.
    os.nice(10)
    begun.set()
    told.put(dict(attack.run(target, over.is_set)))
