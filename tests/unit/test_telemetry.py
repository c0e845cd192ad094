"""What each part tells of what it did: the API of requests, the sides of commands and batches."""

import time
from datetime import UTC, datetime
from typing import Any

import falcon
import pytest
from bson import Timestamp
from falcon import testing
from structlog.testing import capture_logs

from api.middleware import telemetry as of_api
from bus.errors import VersionConflictError
from bus.inbox.inbox import InboxEntry
from bus.log.commit import Commit, Decision
from bus.messages.outcome import CommandStatus, Outcome
from bus.messages.principal import Principal, Role
from bus.messages.rejection import Rejection, RejectionKind
from bus.observability import metrics
from bus.observability.metrics import Counts, Metrics
from read_side.projector import telemetry as of_read_side
from tests.support import messages
from write_side.handling import telemetry as of_write_side

HOUR_S = 3600
DECISION = Decision(partition=0, command_id="k1", correlation_id="r1", at=messages.NOW, by="staff:sam")


class Thing:
    """Answers, or does not."""

    def on_get(self, _req: falcon.Request, _resp: falcon.Response, thing_id: str) -> None:
        if thing_id == "broken":
            raise RuntimeError(thing_id)


def entry(**over: Any) -> InboxEntry:
    envelope = messages.envelope(**over)
    return InboxEntry(
        envelope=envelope,
        partition=0,
        status=CommandStatus.ACCEPTED,
        accepted_ts=Timestamp(1, 1),
        attempts=2,
        errors=0,
        request=None,
        outcome=None,
        finished_at=None,
    )


def outcome(**fields: Any) -> Outcome:
    given = {"status": CommandStatus.SUCCEEDED, "seq": 1, "version": 1, **fields}
    return Outcome(stream="order-o1", partition=0, **given)


def commit(seq: int, age_s: float = 0, **over: Any) -> Commit:
    at = datetime.fromtimestamp(time.time() - age_s, UTC)
    known = {"stream": "order-o1", "version": seq, "correlation_id": f"r{seq}", "at": at}
    return Commit(partition=0, seq=seq, **{**known, **over})


def observed(counts: Counts, family: metrics.Family, *labels: str) -> int:
    return sum(counts.get((family.name, labels), [0, 0])[:-1])


@pytest.mark.filterwarnings("ignore:Unknown REQUEST_METHOD")
def test_a_request_is_told_by_its_route(caplog: pytest.LogCaptureFixture) -> None:
    counting = Metrics()
    app: falcon.App[falcon.Request, falcon.Response] = falcon.App(middleware=[of_api.HttpTelemetry(counting)])
    app.add_route("/things/{thing_id}", Thing())
    app.add_route("/health/{thing_id}", Thing())
    api = testing.TestClient(app)

    with capture_logs() as logged:
        api.simulate_get("/things/ada@example.org?name=ada")
        api.simulate_get("/things/broken")
        api.simulate_get("/elsewhere/ada")
        api.simulate_request("BREW", "/things/1")
        api.simulate_get("/health/live")

    told = [(line["method"], line["route"], line["status"], line["log_level"]) for line in logged]
    assert told == [
        ("GET", "/things/{thing_id}", 200, "info"),
        ("GET", "/things/{thing_id}", 500, "info"),
        ("GET", "(none)", 404, "info"),
        ("OTHER", "/things/{thing_id}", 400, "info"),
        ("GET", "/health/{thing_id}", 200, "debug"),
    ]
    assert "ada" not in str(logged) + caplog.text
    counts = counting.snapshot()
    for method, route, status, _ in told:
        assert counts[metrics.HTTP_REQUESTS.name, (method, route, str(status))] == [1]
    assert observed(counts, metrics.HTTP_SECONDS, "GET", "/things/{thing_id}") == 2


class Ann:
    """Middleware: lets in whoever asks, as Ann."""

    def process_resource(self, req: falcon.Request, *_: object) -> None:
        req.context.principal = Principal(role=Role.CUSTOMER, subject="ann@example.com")


def test_the_line_of_a_request_says_who_asked_and_from_where() -> None:
    app: falcon.App[falcon.Request, falcon.Response] = falcon.App(
        middleware=[of_api.HttpTelemetry(Metrics()), Ann()]
    )
    app.add_route("/things/{thing_id}", Thing())
    api = testing.TestClient(app)
    with capture_logs() as logged:
        api.simulate_get("/things/1", remote_addr="10.0.0.7")
        api.simulate_get("/nowhere", remote_addr="10.0.0.8")
    assert [(line["role"], line["subject"], line["address"]) for line in logged] == [
        ("customer", "ann@example.com", "10.0.0.7"),
        (None, None, "10.0.0.8"),
    ]


def test_a_command_is_one_line_and_counted() -> None:
    counting = Metrics()
    tell = of_write_side.CommandTelemetry(counting)
    refusal = Rejection(kind=RejectionKind.CONFLICT, code="taken", detail="c1 is Ada's")

    append = tell.appends(lambda decisions: [decision.at_position(1) for decision in decisions])
    with capture_logs() as logged:
        append([DECISION])
        tell.handled(entry(), outcome(), 0)
        append([DECISION])
        tell.handled(entry(), outcome(status=CommandStatus.REJECTED, version=None, rejection=refusal), 0)
        tell.handled(entry(), outcome(status=CommandStatus.FAILED, seq=None, version=None, error="Ada"), 0)

    assert [line["log_level"] for line in logged] == ["info", "info", "error"]
    done, refused, failed = logged
    assert (
        done.items()
        >= {
            "event": "handled",
            "command_id": "k1",
            "correlation_id": "r1",
            "type": "PlaceOrder",
            "stream": "order-o1",
            "outcome": "succeeded",
            "version": 1,
            "attempts": 3,
        }.items()
    )
    assert done["duration_ms"] > 0
    assert (refused["outcome"], refused["reason"]) == ("rejected", "taken")
    assert failed["outcome"] == "failed"
    assert "Ada" not in str(logged)
    counts = counting.snapshot()
    for status in ("succeeded", "rejected", "failed"):
        assert counts[metrics.COMMANDS.name, ("PlaceOrder", status)] == [1]
    assert observed(counts, metrics.HANDLED, "PlaceOrder") == 3


def test_a_command_that_several_find_done_is_told_once() -> None:
    counting = Metrics()
    tell = of_write_side.CommandTelemetry(counting)
    conflict = tell.appends(lambda _: [VersionConflictError("order-o1 version 1")])
    append = tell.appends(lambda decisions: [decision.at_position(1) for decision in decisions])

    with capture_logs() as logged:
        conflict([DECISION])
        tell.handled(entry(), outcome(), 0)
        append([DECISION])
        for _ in range(3):
            tell.handled(entry(), outcome(), 0)

    assert [line["event"] for line in logged] == ["found done", "handled", "found done", "found done"]
    assert counting.snapshot()[metrics.COMMANDS.name, ("PlaceOrder", "succeeded")] == [1]
    assert observed(counting.snapshot(), metrics.GROUPED, "append") == 2


def test_a_try_that_raised_is_told_and_counted() -> None:
    counting = Metrics()
    with capture_logs() as logged:
        tell = of_write_side.CommandTelemetry(counting)
        tell.left(messages.envelope(), RuntimeError("again"), told=False)
        tell.left(messages.envelope(), RuntimeError("again"), told=True)

    (line,) = logged
    assert (line["event"], line["command_id"], line["correlation_id"]) == ("left to the sweep", "k1", "r1")
    assert counting.snapshot() == {(metrics.COMMANDS_LEFT.name, ()): [2]}


def test_a_batch_is_one_line_for_who_looks_closely_with_all_correlation_ids() -> None:
    counting = Metrics()
    tell = of_read_side.ProjectionTelemetry(counting)
    commits = [commit(1), commit(2), Commit(partition=0, seq=3), commit(4, correlation_id="r1")]

    with capture_logs() as logged:
        tell.projected("products", 1, 0, commits, time.time())

    (line,) = logged
    assert (line["event"], line["log_level"], line["read_model"]) == ("projected", "debug", "products")
    assert (line["first"], line["last"], line["correlation_ids"]) == (1, 4, ["r1", "r2"])
    counts = counting.snapshot()
    assert observed(counts, metrics.PROJECTED, "products") == 1
    assert observed(counts, metrics.VISIBLE, "products") == 3, "a tombstone is not shown"


def test_a_model_that_is_being_filled_makes_nobody_wait() -> None:
    counting = Metrics()
    commits = [commit(1, age_s=10 * HOUR_S), commit(2, age_s=5), commit(3, stream=None)]

    of_read_side.ProjectionTelemetry(counting).projected("products", 1, 0, commits, time.time())

    assert observed(counting.snapshot(), metrics.VISIBLE, "products") == 1


def test_a_lost_lease_is_counted() -> None:
    counting = Metrics()
    of_read_side.ProjectionTelemetry(counting).lease_lost("products")
    assert counting.snapshot() == {(metrics.LEASES_LOST.name, ("products",)): [1]}
