"""The process that projects: what it is made of, and one actor for each read model."""

import os
import socket
import threading
from collections.abc import Callable, Iterable

import dramatiq
import redis

from bus import logs, workers
from bus.broker import Broker
from bus.connections import read_database, redis_client, write_database
from bus.doorbells import Doorbells
from bus.log import Log
from bus.logs import logger
from bus.mongodb_address import READ_URI, WRITE_URI, refuse_one_of_several
from bus.observing.metrics import Metrics
from bus.observing.pulse import Pulse
from bus.observing.tracing import Tracing
from bus.outages import Outages
from bus.settings import Settings
from bus.signals import announce_position, reached
from bus.subscriptions import Subscriptions
from read_side.answering import Answering, GoingOn
from read_side.catch_up import Surroundings
from read_side.checkpoints import Checkpoints
from read_side.generations import Generations
from read_side.holes import Holes
from read_side.lookout import Lookout
from read_side.parked.mending_orders import MendingOrders
from read_side.parked.parking import Parking
from read_side.projections import READ_MODELS
from read_side.projections.model import ReadModel
from read_side.projector import Projector
from read_side.rebuilding.requested_rebuilds import RequestedRebuilds
from read_side.rebuilding.requests import RebuildRequests
from read_side.registry import Registry
from read_side.retirement import Retirement
from read_side.shared_reads import SharedReads
from read_side.silence import MarkSilence, Silence
from read_side.telemetry import Telemetry

KIND = "projections"


def register_actor(broker: Broker, model: ReadModel, answer: Callable[[int], None]) -> None:
    """Declare the actor that answers a read model's doorbells."""

    def answered(partition: int) -> None:
        answer(partition)

    dramatiq.actor(broker=broker, queue_name=model.name, actor_name=model.name)(answered)


def tell_of_other_versions(registry: Registry, models: Iterable[ReadModel]) -> list[str]:
    """Say which models this process cannot project, because their code has changed, and what to do."""
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


def main() -> None:
    """Project until SIGTERM or SIGINT."""
    settings = Settings.load()
    logs.configure(settings.log_level)
    stopping = workers.stop_on_signals()

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
    pulse = Pulse.of(writes, KIND, metrics)
    owner = f"{socket.gethostname()}:{os.getpid()}"
    names = tuple(model.name for model in READ_MODELS)
    around = Surroundings(
        log=log,
        registry=registry,
        checkpoints=checkpoints,
        parking=Parking(reads),
        holes=Holes(log, settings.hole_grace_ms, metrics),
        owner=owner,
        announce=_announcer(client),
        stopping=stopping,
        read=SharedReads(log).read,
        silence=_silencer(doorbells, registry),
        may_go_on=GoingOn(registry, READ_MODELS, log.partitions, settings.projection_threads),
        telemetry=Telemetry(metrics, tracing),
    )
    projector = Projector(around)
    for model in READ_MODELS:
        answering = Answering(
            model,
            projector=projector,
            registry=registry,
            checkpoints=checkpoints,
            log=log,
            broker=broker,
            doorbells=doorbells,
            lease_ms=settings.lease_ms,
        )
        register_actor(broker, model, answering)
    retirement = Retirement(reads, Generations(reads), checkpoints, owner)
    orders = MendingOrders(registry, checkpoints, around.parking, doorbells, owner)
    rebuilds = RequestedRebuilds(RebuildRequests(reads, settings.lease_ms), READ_MODELS, owner, stopping)
    lookout = Lookout(
        log,
        checkpoints,
        doorbells,
        projected=lambda: {(model.name, n) for model in READ_MODELS for n in registry.projected(model)},
        chores=(
            lambda: subscriptions.renew(names),
            retirement.turn,
            rebuilds.turn,
            lambda: orders.ring(around.parking.marked()),
        ),
        metrics=metrics,
    )
    outages = Outages.of([writes, reads], client, stopping)

    def prepare() -> None:
        refuse_one_of_several({WRITE_URI: writes, READ_URI: reads})
        log.create()
        registry.create(READ_MODELS)
        registry.forget()
        rebuilds.prepare()
        for model in READ_MODELS:
            for generation in registry.projected(model):
                checkpoints.create(model.name, generation, log.partitions)
        subscriptions.subscribe(names)
        lookout.ring_all()
        tell_of_other_versions(registry, READ_MODELS)

    if workers.until_ready(prepare, stopping):
        lookout.start()
        outages.start()
        pulse.start()
        beside = (lookout.thread, outages.thread, pulse.thread)
        try:
            workers.run(broker, set(names), settings.projection_threads, stopping, beside)
        finally:
            rebuilds.stop()
            lookout.stop()
            pulse.stop()
    if tracing is not None:
        tracing.stop()


def _silencer(doorbells: Doorbells, registry: Registry) -> Callable[[str, int], Silence]:
    """Runs may silence the bell of a model while it has one generation, which is theirs."""

    def silence(name: str, partition: int) -> Silence:
        def is_alone() -> bool:
            return len(registry.entry(name).generations) < 2  # noqa: PLR2004 - its own and another one

        return MarkSilence(doorbells, name, partition, is_alone=is_alone)

    return silence


def _announcer(client: redis.Redis) -> Callable[[str, int, int, int], None]:
    heard = threading.Event()
    heard.set()

    def tell(read_model: str, generation: int, partition: int, position: int) -> None:
        try:
            announce_position(client, reached(read_model, generation, partition), position)
        except redis.RedisError as error:
            if heard.is_set():
                logger.warning("Redis is away: nobody is told of progress", error=error)
            heard.clear()
        else:
            heard.set()

    return tell
