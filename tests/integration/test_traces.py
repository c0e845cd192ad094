"""One trace from a request over the queue to each projection: the real bus, both sides in this process."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from dramatiq import Worker
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, DEFAULT_ON, Sampler
from opentelemetry.trace import SpanKind

from bus.connections.clients import read_database, redis_client, write_database
from bus.inbox.attempts import Attempts
from bus.inbox.inbox import Inbox
from bus.log.log import Log
from bus.notify.doorbells import Doorbells
from bus.notify.subscriptions import Subscriptions
from bus.observability.metrics import Metrics
from bus.observability.tracing import Tracing
from bus.primitives.database_clock import DatabaseClock
from bus.queue.broker import Broker
from bus.settings import Settings
from read_side.generations.registry import Registry
from read_side.parked.parking import Parking
from read_side.projections import READ_MODELS
from read_side.projector.answering import DoorbellHandler
from read_side.projector.checkpoints import Checkpoints
from read_side.projector.context import ProjectionContext, stretches
from read_side.projector.gaps import Gaps
from read_side.projector.projector import Projector
from read_side.projector.telemetry import ProjectionTelemetry as ReadTelemetry
from read_side.worker import register_actor as register_projection
from tests.integration.sides import NoRunners
from tests.support.shop_api import SECRET, Shop, open_shop
from tests.support.waiting import until
from write_side.handling.announcer import RedisAnnouncer
from write_side.handling.command_worker import CommandWorker
from write_side.handling.handler import CommandHandler
from write_side.handling.telemetry import CommandTelemetry as WriteTelemetry

PATIENCE_S = 30
NAMES = tuple(model.name for model in READ_MODELS)
TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
CUSTOMER = {"customer_id": "c1", "name": "Ada Lovelace", "email": "ada@example.org"}


@contextmanager
def workers(settings: Settings, tracing: Tracing) -> Iterator[None]:
    """Both sides' actors on the real queues, as their mains make them."""
    write, read = write_database(settings), read_database(settings)
    client = redis_client(settings)
    broker, doorbells = Broker(client), Doorbells(client)
    log, inbox = Log(write, settings.log_partitions), Inbox(write, settings.log_partitions)
    subscriptions = Subscriptions(write)
    subscriptions.subscribe(NAMES)
    stopping = threading.Event()
    told = WriteTelemetry(Metrics(), tracing)
    bell = RedisAnnouncer(client, doorbells, subscriptions)
    handler = CommandHandler(log, inbox, Attempts(write), bell, settings.max_attempts, told)
    commands = CommandWorker(broker, handler, stopping, told, DatabaseClock(write))
    registry, checkpoints = Registry(read), Checkpoints(read)
    context = ProjectionContext(
        log=log,
        registry=registry,
        checkpoints=checkpoints,
        parking=Parking(read),
        gaps=Gaps(log, settings.hole_grace_ms),
        owner="test",
        announce=lambda *_: None,
        stopping=stopping,
        read=stretches(log),
        telemetry=ReadTelemetry(Metrics(), tracing),
    )
    for model in READ_MODELS:
        answering = DoorbellHandler(
            model,
            projector=Projector(context),
            registry=registry,
            checkpoints=checkpoints,
            log=log,
            broker=broker,
            doorbells=doorbells,
            runners=NoRunners(),
            lease_ms=settings.lease_ms,
        )
        register_projection(broker, model, answering)
    worker = Worker(broker, queues=set(NAMES), worker_timeout=100, worker_threads=4)
    worker.start()
    commands.start()
    try:
        yield
    finally:
        stopping.set()
        commands.stop()
        worker.stop(timeout=5_000)
        client.close()
        write.client.close()
        read.client.close()


@contextmanager
def untended(
    settings: Settings, sampler: Sampler = ALWAYS_ON
) -> Iterator[tuple[Shop, InMemorySpanExporter, Tracing]]:
    """The API alone: what is accepted waits for workers."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing = Tracing(provider)
    with open_shop(settings, tracing=tracing) as shop:
        yield shop, exporter, tracing
    tracing.stop()


@contextmanager
def traced(settings: Settings, sampler: Sampler = ALWAYS_ON) -> Iterator[tuple[Shop, InMemorySpanExporter]]:
    with untended(settings, sampler) as (shop, exporter, tracing), workers(settings, tracing):
        yield shop, exporter


def spans_by_name(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    found: Sequence[ReadableSpan] = exporter.get_finished_spans()
    return {span.name: span for span in found}


def is_child(span: ReadableSpan, of: ReadableSpan) -> bool:
    return (
        span.parent is not None
        and of.context is not None
        and (span.parent.trace_id, span.parent.span_id) == (of.context.trace_id, of.context.span_id)
    )


def of_command(shop: Shop, command_id: str) -> dict[str, Any]:
    """What the log has of it."""
    found = shop.write["commits"].find_one({"command_id": command_id})
    assert found is not None
    return found


def is_shown(shop: Shop, command_id: str) -> bool:
    seen = shop.staff.simulate_get(f"/commands/{command_id}").json["visible"]
    return bool(seen) and all(seen.values())


def test_one_trace_from_the_request_over_the_queue_to_each_projection(settings: Settings) -> None:
    with traced(settings) as (shop, exporter):
        answer = shop.staff.simulate_post(
            "/customers", json=CUSTOMER, headers={"traceparent": f"00-{TRACE}-{CALLER}-01"}
        )
        names = {"POST /customers", "handle RegisterCustomer", *(f"project {name}" for name in NAMES)}
        until(lambda: names <= spans_by_name(exporter).keys(), PATIENCE_S, "all spans")

    assert answer.headers["X-Correlation-Id"] == TRACE
    spans = {name: span for name, span in spans_by_name(exporter).items() if name in names}
    request = spans.pop("POST /customers")
    assert request.kind is SpanKind.SERVER
    assert request.parent is not None
    assert f"{request.parent.span_id:016x}" == CALLER
    assert request.attributes is not None
    assert request.attributes["http.response.status_code"] == 202
    for span in spans.values():
        assert span.kind is SpanKind.CONSUMER
        assert span.context is not None
        assert f"{span.context.trace_id:032x}" == TRACE
        assert is_child(span, request)
        assert span.start_time is not None
        assert span.end_time is not None
        assert span.start_time <= span.end_time
    told = str([dict(span.attributes or {}) for span in (request, *spans.values())])
    assert answer.json["command_id"] in told
    for private in ("Ada", "example.org", SECRET):
        assert private not in told


def test_a_trace_begins_here_if_nobody_sent_one(settings: Settings) -> None:
    with traced(settings) as (shop, exporter):
        shop.staff.simulate_post("/customers", json=CUSTOMER)
        until(lambda: "project customers" in spans_by_name(exporter), PATIENCE_S, "the projection's span")

    request, project = (spans_by_name(exporter)[name] for name in ("POST /customers", "project customers"))
    assert request.parent is None
    assert is_child(project, request)


@pytest.mark.parametrize(
    ("sampler", "headers"),
    [(ALWAYS_OFF, {}), (DEFAULT_ON, {"traceparent": f"00-{TRACE}-{CALLER}-00"})],
    ids=["the sampler says so", "the caller says so"],
)
def test_what_is_not_sampled_leaves_no_trace_in_the_inbox_nor_in_the_log(
    settings: Settings, sampler: Sampler, headers: dict[str, str]
) -> None:
    with untended(settings, sampler) as (shop, exporter, tracing):
        sent = shop.staff.simulate_post("/customers", json=CUSTOMER, headers=headers)
        entry = shop.write["commands"].find_one({"_id": sent.json["command_id"]})
        with workers(settings, tracing):
            until(lambda: is_shown(shop, sent.json["command_id"]), PATIENCE_S, "shown")
        commit = of_command(shop, sent.json["command_id"])

    assert entry is not None
    assert "traceparent" not in entry["envelope"]
    assert "traceparent" not in commit
    assert not [name for name in spans_by_name(exporter) if name.startswith(("handle", "project"))]


def test_what_is_traced_is_handled_by_whoever_gets_it(settings: Settings) -> None:
    """The trace is in the inbox and in the log, so a sweep or a later process goes on with it."""
    with untended(settings) as (shop, _, tracing):
        sent = shop.staff.simulate_post(
            "/customers", json=CUSTOMER, headers={"traceparent": f"00-{TRACE}-{CALLER}-01"}
        )
        command_id = sent.json["command_id"]
        entry = shop.inbox.find(command_id)
        with workers(settings, tracing):
            until(lambda: is_shown(shop, command_id), PATIENCE_S, "shown")
        commit = of_command(shop, command_id)

    assert entry is not None
    assert str(entry.envelope.traceparent).startswith(f"00-{TRACE}-")
    assert commit["traceparent"] == entry.envelope.traceparent
