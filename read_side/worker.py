"""The process that projects: what it is made of, and one actor for each read model."""

import os
import socket
import threading
from collections.abc import Callable

import dramatiq
import redis

from bus import logs, workers
from bus.broker import Broker
from bus.connections import read_database, redis_client, write_database
from bus.doorbells import Doorbells, bell
from bus.log import Log
from bus.logs import logger
from bus.metrics import Metrics
from bus.pulse import Pulse
from bus.settings import Settings
from bus.signals import announce_position, reached
from bus.subscriptions import Subscriptions
from bus.tracing import Tracing
from read_side.catch_up import End, Surroundings
from read_side.checkpoints import Checkpoints
from read_side.holes import Holes
from read_side.lookout import Lookout
from read_side.parking import Parking
from read_side.projections import READ_MODELS
from read_side.projections.model import ReadModel
from read_side.projector import Projector
from read_side.registry import FIRST, Registry
from read_side.telemetry import Telemetry

KIND = "projections"


def register_actor(
    broker: Broker, doorbells: Doorbells, model: ReadModel, projector: Projector, *, lease_ms: int
) -> None:
    """Declare the actor that answers a read model's doorbells."""

    def answer(partition: int) -> None:
        doorbells.answer(model.name, partition)
        run = projector.run(model, FIRST, partition)
        match run.end:
            case End.DRAINED:
                return
            case End.HELD:
                # Its holder looks once more before it leaves; if it was killed, the lease has to run out.
                wait_ms = lease_ms
            case End.HOLE:
                wait_ms = int(run.wait_s * 1000) + 1
            case End.STOPPED:
                wait_ms = 0
        if doorbells.is_first_to_ring_later(model.name, partition, wait_ms):
            broker.enqueue(bell(model.name, partition), delay=wait_ms)

    dramatiq.actor(broker=broker, queue_name=model.name, actor_name=model.name)(answer)


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
    around = Surroundings(
        log=log,
        registry=registry,
        checkpoints=checkpoints,
        parking=Parking(reads),
        holes=Holes(log, settings.hole_grace_ms, metrics),
        owner=f"{socket.gethostname()}:{os.getpid()}",
        announce=_announcer(client),
        stopping=stopping,
        telemetry=Telemetry(metrics, tracing),
    )
    projector = Projector(around)
    for model in READ_MODELS:
        register_actor(broker, doorbells, model, projector, lease_ms=settings.lease_ms)
    lookout = Lookout(log, checkpoints, doorbells, metrics)
    names = tuple(model.name for model in READ_MODELS)

    def prepare() -> None:
        log.create()
        registry.create(READ_MODELS)
        for name in names:
            checkpoints.create(name, FIRST, settings.log_partitions)
        subscriptions.subscribe(names)
        lookout.ring_all()

    if workers.until_ready(prepare, stopping):
        lookout.start()
        pulse.start()
        try:
            beside = (lookout.thread, pulse.thread)
            workers.run(broker, set(names), settings.projection_threads, stopping, beside)
        finally:
            lookout.stop()
            pulse.stop()
    if tracing is not None:
        tracing.stop()


def _announcer(client: redis.Redis) -> Callable[[str, int, int, int], None]:
    heard = threading.Event()
    heard.set()

    def tell(read_model: str, generation: int, partition: int, position: int) -> None:
        try:
            announce_position(client, reached(read_model, generation, partition), position)
        except redis.RedisError as error:
            if heard.is_set():
                logger.warning("Redis is away: nobody is told of progress", error=str(error))
            heard.clear()
        else:
            heard.set()

    return tell
