"""A busy system seen from outside: its metrics, its logs at their most talkative, its traces, its health.

One system for all of it, with processes killed in between. What people write is planted with a marker; no
process may repeat it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pytest

from read_side.projections import READ_MODELS
from tests.support.collector import Collector, collecting
from tests.support.monitoring import vectors
from tests.support.scrape import Scrape
from tests.support.system import SECRET, System
from tests.support.trade import CUSTOMERS, EMAIL, MARKER, SAID, TRACE, spoil, trade
from tests.support.waiting import until

PATIENCE_S = 60
OF_PROMETHEUS = {"up"}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
def busy(collector: Collector) -> Iterator[System]:
    with System(
        LOG_LEVEL="DEBUG", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_BSP_SCHEDULE_DELAY="200"
    ) as system:
        trade(system)
        spoil(system)
        yield system


def logged(system: System, process: str) -> list[dict[str, Any]]:
    """Every line that a process has written, each of which must be JSON."""
    return [json.loads(line) for line in system.processes[process].log.read_text().splitlines()]


def ready(system: System) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = system.client("ops").get("/health/ready").json()
    return answer


def with_event(lines: Sequence[Mapping[str, Any]], event: str, **fields: object) -> list[Mapping[str, Any]]:
    return [line for line in lines if line["event"] == event and fields.items() <= line.items()]


def scraped(system: System) -> Scrape:
    """A scrape that nothing is left out of."""

    def whole() -> Scrape | None:
        scrape = Scrape(system)
        return scrape if scrape.is_whole else None

    scrape = until(whole, PATIENCE_S, "all parts of the metrics")
    assert scrape is not None
    return scrape


def test_every_metric_that_is_shown_or_watched_exists_with_its_labels(busy: System) -> None:
    """Also those that nothing has happened to yet: the dashboard of a new system is not full of gaps."""
    wanted = {vector for vector in vectors() if vector.name not in OF_PROMETHEUS}
    until(
        lambda: {vector.name for vector in wanted} <= Scrape(busy).by_name.keys(), PATIENCE_S, "every metric"
    )
    found = scraped(busy).by_name
    for vector in wanted:
        for labels, _ in found[vector.name]:
            assert vector.labels <= labels.keys(), vector


def test_what_happened_is_counted_by_all_processes(busy: System) -> None:
    """Each process writes its counts every other second, and not at the same time as the others."""

    def is_told() -> bool:
        scrape = scraped(busy)
        orders = {"route": "/orders", "method": "POST", "status": "202"}
        placed = (
            scrape.so_far("twofold_commands_total", type="PlaceOrder", outcome="succeeded"),
            scrape.so_far("twofold_commands_accepted_total", type="PlaceOrder"),
            scrape.so_far("twofold_http_requests_total", **orders),
        )
        shown = [
            scrape.so_far("twofold_command_visible_seconds_count", read_model=model.name)
            for model in READ_MODELS
        ]
        others = (
            scrape.so_far("twofold_commands_total", type="RegisterCustomer", outcome="rejected"),
            scrape.so_far("twofold_group_commit_batch_items_count", step="append"),
            scrape.so_far("twofold_parked_streams"),
        )
        return placed == (CUSTOMERS,) * 3 and min(shown) >= 3 * CUSTOMERS and min(others) > 0

    def processes() -> Mapping[str, float]:
        return {labels["kind"]: value for labels, value in scraped(busy).by_name["twofold_processes"]}

    until(is_told, PATIENCE_S, "all that was traded, in the metrics")
    each_once = {"web": 1, "commands": 1, "projections": 1, "clock": 1}
    until(lambda: processes() == each_once, PATIENCE_S, "all processes, in the metrics")


def test_a_correlation_id_runs_through_all_logs(busy: System) -> None:
    def projected(name: str) -> set[str]:
        lines = with_event(logged(busy, "projections"), "projected")
        return {line["read_model"] for line in lines if name in line["correlation_ids"]}

    models = {model.name for model in READ_MODELS}

    def is_projected(name: str) -> bool:
        return projected(name) >= models

    for number in range(CUSTOMERS):
        name = f"corr-{number}"
        until(partial(is_projected, name), PATIENCE_S, f"{name} in the projections' log")
        (request,) = with_event(logged(busy, "web"), "request", correlation_id=name)
        (handled,) = with_event(logged(busy, "commands"), "handled", correlation_id=name)
        assert (request["method"], request["route"], request["status"]) == ("POST", "/customers", 202)
        assert (handled["outcome"], handled["stream"]) == ("succeeded", f"customer-c{number}")
        assert projected(name) == models


def test_there_is_one_line_for_each_command(busy: System) -> None:
    commands = set(busy.write_database.commits.distinct("command_id")) - {"spoilt"}  # past the worker

    def lines() -> list[Mapping[str, Any]]:
        return with_event(logged(busy, "commands"), "handled")

    until(lambda: {line["command_id"] for line in lines()} >= commands, PATIENCE_S, "a line for each")
    assert {line["command_id"] for line in lines()} == commands
    for line in lines():
        assert line.keys() >= {"correlation_id", "stream", "type", "outcome", "duration_ms", "attempts"}


def test_a_trace_leads_through_every_process(busy: System, collector: Collector) -> None:
    wanted = {
        ("twofold-web", "PATCH /customers/{customer_id}"),
        ("twofold-commands", "handle ChangeCustomer"),
        *(("twofold-projections", f"project {model.name}") for model in READ_MODELS),
    }

    def found() -> set[tuple[str, str]]:
        return {(span.service, span.name) for span in collector.of_trace(TRACE)}

    until(lambda: found() == wanted, PATIENCE_S, "a span of each")
    (request,) = [span for span in collector.of_trace(TRACE) if span.service == "twofold-web"]
    others = [span for span in collector.of_trace(TRACE) if span.service != "twofold-web"]
    assert {span.parent_id for span in others} == {request.span_id}
    assert MARKER.encode() not in b"".join(collector.raw)


def test_what_was_counted_outlives_who_counted_it(busy: System) -> None:
    """``kill -9`` of every kind of process, with a look at the sums all the while: none ever goes down."""
    before = scraped(busy).counts()

    def registered() -> float:
        nonlocal before
        scrape = scraped(busy)
        after = scrape.counts()
        lower = {key for key, value in before.items() if after.get(key, -1) < value}
        assert not lower, lower
        before = after
        return scrape.sum("twofold_commands_total", type="RegisterCustomer", outcome="succeeded")

    def is_at(wanted: float) -> bool:
        return registered() == wanted

    at_first = registered()
    staff = busy.client("staff", "ann")
    for round_, victim in enumerate(("commands", "projections", "web", "commands")):
        for number in range(3):
            body = {"customer_id": f"k{round_}-{number}", **SAID}
            assert staff.post("/customers", json=body, headers={"Prefer": "wait=30"}).status_code == 201
        wanted = at_first + 3 * (round_ + 1)
        until(partial(is_at, wanted), PATIENCE_S, "all of them counted")
        busy.processes[victim].kill()
        busy.processes[victim].start()
        until(busy.is_ready, PATIENCE_S, "an API that answers")
        registered()


def test_health_tells_who_is_missing_and_who_is_back(busy: System) -> None:
    def missing() -> set[str]:
        return {part for part, said in ready(busy)["parts"].items() if said != "ok"}

    def is_degraded_for_want_of(parts: set[str]) -> bool:
        told = ready(busy)
        without = {part for part, said in told["parts"].items() if said != "ok"}
        return (told["status"], without) == ("degraded", parts)

    until(lambda: not missing(), PATIENCE_S, "everybody there")
    busy.processes["clock"].kill()
    busy.processes["commands"].stop()
    until(lambda: is_degraded_for_want_of({"clock", "commands"}), PATIENCE_S, "both missed")
    for name in ("clock", "commands"):
        busy.processes[name].start()
    until(lambda: ready(busy)["status"] == "ready", PATIENCE_S, "everybody back")


def test_nobody_repeats_what_people_wrote(busy: System) -> None:
    """The last of these, so that it sees what all of them made the processes say."""
    until(lambda: with_event(logged(busy, "projections"), "parked a stream"), PATIENCE_S, "a parked stream")
    until(lambda: with_event(logged(busy, "commands"), "undecodable message"), PATIENCE_S, "a bad message")
    tokens = [busy.token(role, "ann") for role in ("customer", "staff", "ops")]
    secrets = [MARKER, EMAIL, SECRET, *(part for token in tokens for part in token.split(".")[1:])]

    for process in busy.processes.values():
        text = process.log.read_text()
        for secret in secrets:
            assert secret.lower() not in text.lower(), (process.name, secret)
