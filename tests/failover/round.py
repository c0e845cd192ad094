"""One round: the product on three mongods, clients at work, one fault after the other; then the reckoning."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.chaos.books import Books
from tests.chaos.client import Client
from tests.chaos.director import Director
from tests.chaos.recovery import Recovery
from tests.chaos.report import Report as ChaosReport
from tests.chaos.round import RECOVERED_S, SHARED, Party, Tell, keep, load, outcomes_in, reckon, turn_until
from tests.chaos.schedule import Due
from tests.chaos.trade.trade import MOST_PRODUCTS, Trade
from tests.failover.checks.table import violations
from tests.failover.cluster import SCALE, Cluster
from tests.failover.costs import costs
from tests.failover.faults.table import Made
from tests.failover.history import recorded_log
from tests.failover.history.exchange import Diary
from tests.failover.history.history import History
from tests.failover.load.caller import Caller
from tests.failover.load.recorded_connection import RecordedConnection
from tests.failover.load.witness import COMMON, Prices, Witness
from tests.failover.load.witness_books import settled
from tests.failover.report import Report
from tests.failover.stage import Stage


@dataclass(frozen=True, slots=True)
class Plan:
    """``rate`` is in commands a second, of all clients together; witnesses ask for some more.

    The load lasts until the faults are over. ``entries`` are modules run in place of the Procfile's lines.
    """

    seed: int
    seconds: float
    rate: float
    clients: int
    witnesses: int
    faults: Mapping[str, Made]
    dues: Sequence[Due]
    sentinels: bool = True
    elects: bool = True
    scale: Mapping[str, int] = field(default_factory=lambda: SCALE)
    entries: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    quiet_s: float = 180.0
    keep: Path | None = None
    """Where what the processes said is copied to."""


@dataclass(frozen=True, slots=True)
class Cast:
    """Who is at work. All of them write into one diary."""

    clients: Sequence[Client]
    witnesses: Sequence[Witness]
    diary: Diary

    @property
    def parties(self) -> Sequence[Party]:
        return [*self.clients, *self.witnesses]


def run(plan: Plan, tell: Tell = lambda _: None) -> Report:
    """Run it. ``tell`` is given a line now and then."""
    with ExitStack() as stack:
        cluster = stack.enter_context(
            Cluster(plan.scale, plan.entries, sentinels=plan.sentinels, elects=plan.elects, **plan.settings)
        )
        recovery = Recovery(cluster)
        stack.callback(recovery.stop)
        stage = Stage(cluster, Random(f"{plan.seed} scene"), _telling(recovery, tell))
        stack.callback(stage.close)
        cast = _cast(plan, cluster)
        director = Director(stage, {kind: made(stage) for kind, made in plan.faults.items()}, plan.dues)
        stack.callback(director.close)

        recovery.start()
        began = time.monotonic()
        for party in cast.parties:
            party.start()
        load(plan.seconds, director, cast.parties, recovery, tell)
        for party in cast.parties:
            party.end()
        ended = time.monotonic()
        tell("waiting until everything accepted is carried out and shown")
        quiet = turn_until(director, lambda: not any(one.alive for one in cast.parties), plan.quiet_s)
        quiet = turn_until(director, cluster.is_quiet, plan.quiet_s) and quiet
        turn_until(director, lambda: not recovery.outstanding, RECOVERED_S if quiet else 0.0)
        for party in cast.parties:
            party.finish()
        tell("comparing")
        books = _books(plan, cluster, cast, stage, recovery, director, quiet=quiet, load_s=ended - began)
        history = History(cast.diary.exchanges, cast.diary.looks, recorded_log.read(cluster.write_database))
        served = (one.ended for one in cast.diary.exchanges if one.served)
        return Report(
            books=books,
            violations=violations(history),
            costs=costs(stage.strikes, served, ended, recovery.seconds),
            looks=Counter(
                f"{'strong' if look.strong else 'token'} {look.status}" for look in cast.diary.looks
            ),
        )


def _telling(recovery: Recovery, tell: Tell) -> Callable[[str], None]:
    def over(kind: str) -> None:
        recovery.began(kind)
        tell(f"{kind}: over")

    return over


def _cast(plan: Plan, cluster: Cluster) -> Cast:
    """The first client keeps what everybody sells; that and what witnesses need is there before all start."""
    diary = Diary()
    clients = []
    most_products = (MOST_PRODUCTS - len(COMMON)) // plan.clients
    for number in range(plan.clients):
        name = f"s{number}"
        trade = Trade(name, Random(f"{plan.seed} trade {number}"), SHARED, most_products)
        rng = Random(f"{plan.seed} client {number}")
        token = cluster.token("staff", name)
        connection = RecordedConnection(name, cluster.ports, token, diary, rng)
        clients.append(Client(trade, connection, rng, plan.rate / plan.clients))
    for product in SHARED:
        clients[0].ask(clients[0].trade.introduce(product))
    return Cast(clients, _witnesses(plan, cluster, diary), diary)


def _witnesses(plan: Plan, cluster: Cluster, diary: Diary) -> list[Witness]:
    prices = Prices()
    witnesses = [
        Witness(
            name,
            Caller(name, cluster.ports, cluster.token("staff", name), diary),
            prices,
            Random(f"{plan.seed} {name}"),
        )
        for name in (f"w{number}" for number in range(plan.witnesses))
    ]
    if witnesses:
        witnesses[0].open_shop()
    for witness in witnesses:
        witness.others = [other for other in witnesses if other is not witness]
        witness.register()
    return witnesses


def _books(  # noqa: PLR0917 - everything that a round is made of
    plan: Plan,
    cluster: Cluster,
    cast: Cast,
    stage: Stage,
    recovery: Recovery,
    director: Director,
    *,
    quiet: bool,
    load_s: float,
) -> ChaosReport:
    """Reckon as ``make chaos`` does, and stop the processes."""
    witnessed, witness_books = settled(cluster.write_database, cast.witnesses)
    records = [*(record for client in cast.clients for record in client.records), *witnessed]
    books = Books.together([*(client.trade.books for client in cast.clients), witness_books])
    findings = reckon(plan.seed, cluster, cast.clients, records, books)
    if not quiet:
        findings.differences.append(f"not quiet within {plan.quiet_s:g} s\n{cluster.told()}")
    if plan.keep is not None:
        keep(cluster, plan.keep)
    return ChaosReport(
        seed=plan.seed,
        minutes=plan.seconds / 60,
        rate=plan.rate,
        clients=len(cast.parties),
        accepted=len(records),
        findings=findings,
        faults=stage.hits,
        missed=stage.missed,
        recovery_seconds=recovery.seconds,
        outstanding=recovery.outstanding,
        unanswered=[key for client in cast.clients for key in client.unanswered],
        unasked=director.unasked,
        stuck=cluster.stop(),
        outcomes=outcomes_in(cluster),
        answers=Counter(str(one.status) for one in cast.diary.exchanges),
        slowest_answer_s=max(one.ended - one.began for one in cast.diary.exchanges),
        load_s=load_s,
    )
