"""The projections' process: its parts, and one actor for each read model."""

import os
import socket
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import dramatiq
import redis

from bus.connections.clients import read_database, redis_client, write_database
from bus.connections.mongodb_address import READ_URI, WRITE_URI, refuse_one_of_several
from bus.log.log import Log
from bus.notify.doorbells import Doorbells
from bus.notify.notifier import APPENDS, Notifier, announce_positions, reached
from bus.notify.subscriptions import Subscriptions
from bus.observability import logs
from bus.observability.heartbeat_thread import HeartbeatThread
from bus.observability.interruption import Interruption
from bus.observability.logs import logger
from bus.observability.metrics import Metrics
from bus.observability.outages import Outages
from bus.observability.tracing import Tracing
from bus.primitives.termination import stop_together
from bus.queue import worker_process
from bus.queue.broker import Broker
from bus.settings import Settings
from read_side.generations.generations import Generations
from read_side.generations.registry import Registry
from read_side.generations.retirement import Retirement
from read_side.parked.parking import Parking
from read_side.parked.retry_requests import RetryRequests
from read_side.projections import read_models
from read_side.projections.model import ReadModel
from read_side.projector.answering import Continuation, DoorbellHandler
from read_side.projector.balance import Balance
from read_side.projector.checkpoints import Checkpoints
from read_side.projector.context import Generation, ProjectionContext, Reached, stretches
from read_side.projector.gaps import Gaps
from read_side.projector.projector import Projector
from read_side.projector.runners import Runners
from read_side.projector.telemetry import ProjectionTelemetry
from read_side.projector.watchdog import Watchdog
from read_side.rebuild.rebuild_requests import RebuildRequests
from read_side.rebuild.rebuild_supervisor import RebuildSupervisor

KIND = "projections"


def register_actor(broker: Broker, model: ReadModel, answer: Callable[[int], None]) -> None:
    """Declare the actor that answers a read model's doorbells."""

    def answered(partition: int) -> None:
        answer(partition)

    dramatiq.actor(broker=broker, queue_name=model.name, actor_name=model.name)(answered)


def tell_of_other_versions(registry: Registry, models: Iterable[ReadModel]) -> list[str]:
    """Say which models this process cannot project, as their code has changed, and what to do."""
    stale = [model for model in models if not registry.projected(model)]
    for model in stale:
        entry = registry.entry(model.name)
        logger.error(
            f"{model.name} is not projected: its documents were folded by another version of its code."
            f" Run: python -m read_side rebuild {model.name}",
            read_model=model.name,
            folded_by=sorted({generation.version for generation in entry.generations.values()}),
            this_version=model.version,
        )
    return [model.name for model in stale]


def tell_of_other_zones(registry: Registry, models: Iterable[ReadModel]) -> list[str]:
    """Say which models count by the days of another time zone than they should, and what to do.

    This process still projects them, by the days of that zone.
    """
    elsewhere = []
    for model in models:
        entry = registry.entry(model.name)
        live = entry.generations.get(entry.live)
        if live is None or live.version != model.version:
            continue
        counted_in = live.counted_in(model)
        if counted_in != model.time_zone:
            elsewhere.append(model.name)
            logger.warning(
                f"{model.name} counts by the days of {counted_in}, and SHOP_TIME_ZONE is {model.time_zone}."
                f" Run: python -m read_side rebuild {model.name}",
                read_model=model.name,
            )
    return elsewhere


def main() -> None:
    """Project until SIGTERM or SIGINT."""
    settings = Settings.for_command_line()
    models = read_models(settings.shop_zone)
    logs.configure(settings.log_level, settings.log_format)
    stopping = worker_process.stop_on_signals()

    writes, reads = write_database(settings), read_database(settings)
    client = redis_client(settings)
    broker = Broker(client)
    doorbells = Doorbells(client)
    log = Log(writes, settings.log_partitions)
    registry = Registry(reads)
    checkpoints = Checkpoints(reads, settings.lease_ms)
    subscriptions = Subscriptions(writes)
    metrics = Metrics()
    tracing = Tracing.from_settings(settings, KIND)
    heartbeats = HeartbeatThread.of(writes, KIND, metrics)
    owner = f"{socket.gethostname()}:{os.getpid()}"
    names = tuple(model.name for model in models)
    context = ProjectionContext(
        log=log,
        registry=registry,
        checkpoints=checkpoints,
        parking=Parking(reads),
        gaps=Gaps(log, settings.hole_grace_ms, metrics),
        owner=owner,
        announce=_announcer(client),
        stopping=stopping,
        read=stretches(log),
        may_go_on=Continuation(registry, models, log.partitions, settings.projection_threads),
        telemetry=ProjectionTelemetry(metrics, tracing),
    )
    runners = Runners(context, models, doorbells, Notifier(client, APPENDS))
    answering = partial(
        DoorbellHandler,
        projector=Projector(context),
        registry=registry,
        checkpoints=checkpoints,
        log=log,
        broker=broker,
        doorbells=doorbells,
        runners=runners,
        lease_ms=settings.lease_ms,
    )
    for model in models:
        register_actor(broker, model, answering(model))
    projected = partial(_projected, registry, models)
    retirement = Retirement(reads, Generations(reads), checkpoints, owner)
    retry_requests = RetryRequests(registry, checkpoints, context.parking, doorbells, owner)
    rebuilds = RebuildSupervisor(RebuildRequests(reads, settings.lease_ms), models, owner, stopping)
    balance = Balance(checkpoints, owner, projected)
    watchdog = Watchdog(
        log,
        checkpoints,
        doorbells,
        projected=projected,
        poke=runners.poke,
        periodic_tasks=(
            lambda: subscriptions.renew(names),
            retirement.turn,
            rebuilds.turn,
            balance.turn,
            lambda: retry_requests.ring(context.parking.marked()),
        ),
        metrics=metrics,
    )
    outages = Outages.of([writes, reads], client, stopping)

    def prepare() -> None:
        refuse_one_of_several({WRITE_URI: writes, READ_URI: reads})
        log.create()
        registry.create(models)
        registry.forget()
        rebuilds.prepare()
        for model in models:
            for generation in registry.projected(model):
                checkpoints.create(model.name, generation, log.partitions)
        subscriptions.subscribe(names)
        tell_of_other_versions(registry, models)
        tell_of_other_zones(registry, models)

    if worker_process.until_ready(prepare, stopping):
        for part in (watchdog, outages, heartbeats, runners):
            part.start()
        beside = (watchdog.thread, outages.thread, heartbeats.thread, *runners.threads)
        try:
            worker_process.run(broker, set(names), settings.projection_threads, stopping, beside)
        finally:
            parts = (runners, rebuilds, watchdog, heartbeats)
            stop_together([part.stop for part in parts])
    if tracing is not None:
        tracing.stop()


def _projected(registry: Registry, models: Iterable[ReadModel]) -> set[Generation]:
    return {(model.name, number) for model in models for number in registry.projected(model)}


def _announcer(client: redis.Redis) -> Callable[[Sequence[Reached]], None]:
    silence = Interruption("Redis is away: nobody is told of progress")

    def tell(moved: Sequence[Reached]) -> None:
        with silence:
            announce_positions(
                client, {reached(*one.generation, one.partition): one.position for one in moved}
            )

    return tell
