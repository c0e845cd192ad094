"""One round: a cluster, clients at work, faults; then quiet, and the reckoning."""

import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Protocol

from tests.chaos.books import Books, Product
from tests.chaos.checks import audits, figures, outcomes, positions
from tests.chaos.client import Client
from tests.chaos.cluster import ENTRIES, SCALE, Cluster
from tests.chaos.connection import Connection
from tests.chaos.director import Director
from tests.chaos.faults.fault import Fault
from tests.chaos.findings import Findings
from tests.chaos.recovery import Recovery
from tests.chaos.report import Report
from tests.chaos.request import Record
from tests.chaos.scene import Scene
from tests.chaos.schedule import Due
from tests.chaos.trade.trade import MOST_PRODUCTS, Trade

TURN_S = 0.01
TELL_S = 10.0
RECOVERED_S = 30.0
"""For whoever measures the recovery to see that all is quiet."""
SHARED = (
    Product("shared-eur", "Sold by everybody", 1_250, "EUR"),
    Product("shared-usd", "Sold by everybody", 990, "USD"),
)

Tell = Callable[[str], None]


class Party(Protocol):
    """Anybody who is at work in a round: see ``Client``."""

    @property
    def alive(self) -> bool: ...

    @property
    def records(self) -> Sequence[Record]: ...

    def start(self) -> None: ...

    def end(self) -> None: ...

    def finish(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """``rate`` is in commands a second, of all clients together. The load lasts until the faults are over."""

    seed: int
    seconds: float
    rate: float
    clients: int
    faults: Mapping[str, Fault]
    dues: Sequence[Due]
    scale: Mapping[str, int] = field(default_factory=lambda: SCALE)
    entries: Mapping[str, str] = field(default_factory=lambda: ENTRIES)
    settings: Mapping[str, str] = field(default_factory=dict)
    quiet_s: float = 180.0
    keep: Path | None = None
    """Where what the processes said is copied to."""


def run(plan: Plan, tell: Tell = lambda _: None) -> Report:
    """Run it. ``tell`` is given a line now and then."""
    with ExitStack() as stack:
        cluster = stack.enter_context(Cluster(plan.scale, plan.entries, **plan.settings))
        recovery = Recovery(cluster)
        stack.callback(recovery.stop)
        scene = Scene(cluster, Random(f"{plan.seed} scene"), recovery.began)
        stack.callback(scene.close)
        clients = _clients(plan, cluster)
        director = Director(scene, plan.faults, plan.dues)
        stack.callback(director.close)

        recovery.start()
        began = time.monotonic()
        for client in clients:
            client.start()
        load(plan.seconds, director, clients, recovery, tell)
        for client in clients:
            client.end()
        load_s = time.monotonic() - began
        tell("waiting until everything accepted is carried out and shown")
        quiet = turn_until(director, lambda: not any(one.alive for one in clients), plan.quiet_s)
        quiet = turn_until(director, cluster.is_quiet, plan.quiet_s) and quiet
        turn_until(director, lambda: not recovery.outstanding, RECOVERED_S if quiet else 0.0)
        for client in clients:
            client.finish()
        tell("comparing")
        findings = _reckoned(plan, cluster, clients)
        if plan.keep is not None:
            keep(cluster, plan.keep)
        if not quiet:
            findings.differences.append(f"not quiet within {plan.quiet_s:g} s\n{cluster.told()}")
        return Report(
            seed=plan.seed,
            minutes=plan.seconds / 60,
            rate=plan.rate,
            clients=len(clients),
            accepted=sum(len(client.records) for client in clients),
            findings=findings,
            faults=scene.hits,
            missed=scene.missed,
            recovery_seconds=recovery.seconds,
            outstanding=recovery.outstanding,
            unanswered=[key for client in clients for key in client.unanswered],
            unasked=director.unasked,
            stuck=cluster.stop(),
            outcomes=outcomes_in(cluster),
            answers=sum((client.answers for client in clients), Counter()),
            slowest_answer_s=max(client.slowest_s for client in clients),
            load_s=load_s,
        )


def _clients(plan: Plan, cluster: Cluster) -> list[Client]:
    """The first one keeps what everybody sells; it is there before anybody orders it."""
    token = cluster.token("staff", "chaos")
    clients = []
    for number in range(plan.clients):
        trade = Trade(
            f"s{number}", Random(f"{plan.seed} trade {number}"), SHARED, MOST_PRODUCTS // plan.clients
        )
        rng = Random(f"{plan.seed} client {number}")
        clients.append(Client(trade, Connection(cluster.port, token), rng, plan.rate / plan.clients))
    for product in SHARED:
        clients[0].ask(clients[0].trade.introduce(product))
    return clients


def load(
    seconds: float, director: Director, clients: Sequence[Party], recovery: Recovery, tell: Tell
) -> None:
    """Let the clients be at work for so long, and as long as the faults take."""
    began = told = time.monotonic()
    while (now := time.monotonic()) - began < seconds or not director.over:
        director.turn()
        for client in clients:
            if not client.alive:
                client.finish()  # which says why
        if not recovery.alive:
            raise RuntimeError("nobody watches the recovery")
        if now - told > TELL_S:
            accepted = sum(len(client.records) for client in clients)
            tell(f"{now - began:.0f} s: {accepted} accepted, waiting for {recovery.outstanding}")
            told = now
        time.sleep(TURN_S)


def turn_until(director: Director, condition: Callable[[], bool], seconds: float) -> bool:
    """Go on supervising until the condition holds; whether it did in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        director.turn()
        time.sleep(TURN_S)
    return True


def _reckoned(plan: Plan, cluster: Cluster, clients: Sequence[Client]) -> Findings:
    records = [record for client in clients for record in client.records]
    books = Books.together(client.trade.books for client in clients)
    return reckon(plan.seed, cluster, clients, records, books)


def reckon(
    seed: int, cluster: Cluster, clients: Sequence[Client], records: list[Record], books: Books
) -> Findings:
    """Compare what was asked for, ``records`` and ``books``, with what became of it."""
    findings = Findings()
    for client in clients:
        findings.differences += client.unexpected
        findings.doubled += client.doubled
    outcomes.check(cluster.write_database, records, findings)
    positions.check(cluster.write_database, findings)
    figures.check(cluster.client("staff"), books, records, Random(seed), findings)
    audits.check(cluster, findings)
    return findings


def keep(cluster: Cluster, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for process in cluster.processes.values():
        shutil.copy(process.log, folder)


def outcomes_in(cluster: Cluster) -> dict[str, int]:
    """How many commands came to what, and how many are unfinished or failed in the inbox."""
    database = cluster.write_database
    of_the_log: list[dict[str, Any]] = [
        {"$match": {"command_id": {"$exists": True}}},
        {"$set": {"effect": {"$cond": [{"$gt": ["$stream", None]}, "succeeded", "$outcome.status"]}}},
        {"$group": {"_id": "$effect", "n": {"$sum": 1}}},
    ]
    found = {group["_id"]: group["n"] for group in database.commits.aggregate(of_the_log)}
    return {**found, "unfinished": database.commands.count_documents({"status": "accepted"})}
