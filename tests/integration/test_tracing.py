"""Traces are there when they are asked for, cost nothing when not, and hold nobody up."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bus.errors import ConfigurationError
from bus.messages.envelope import CommandEnvelope
from bus.observability.tracing import Tracing
from bus.settings import Settings
from tests.support import messages
from tests.support.collector import collecting
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 20
MAINS = ("api.server.serve", "write_side.worker", "read_side.worker", "bus.sweeper")
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("environ", "asked_for"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, False),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, False),
    ],
)
def test_opentelemetrys_own_variables_ask_for_traces(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], *, asked_for: bool
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    assert Settings.load().traces is asked_for


def test_another_exporter_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "zipkin")

    with pytest.raises(ConfigurationError, match=r"^OTEL_TRACES_EXPORTER: "):
        Settings.load()


def test_nothing_is_imported_unless_it_is_asked_for() -> None:
    imports = "\n".join(f"import {main}" for main in MAINS)
    program = f"""
import sys
{imports}
from bus.settings import Settings
from bus.observability.tracing import Tracing
assert Tracing.from_settings(Settings(), "web") is None
ours = ("opentelemetry.sdk.trace", "opentelemetry.exporter")
print([name for name in sys.modules if name.startswith(ours)])
"""  # redis-py imports other parts of it where it is installed
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout == "[]\n"


def test_what_is_asked_for_and_not_installed_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*sys.modules]:
        if name.startswith("opentelemetry"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)

    with pytest.raises(ConfigurationError, match=r"pip install '\.\[otel\]'"):
        Tracing.from_settings(Settings(otel_traces_exporter="otlp"), "web")


def test_what_was_recorded_is_sent_before_the_process_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "3600000")
        tracing = Tracing.from_settings(Settings.load(), "commands")
        assert tracing is not None
        tracing.record("handle PlaceOrder", TRACEPARENT, time.time(), {"twofold.outcome": "succeeded"})
        assert collector.spans == []

        tracing.stop()

        until(lambda: collector.spans, PATIENCE_S, "the span")
    (span,) = collector.spans
    assert (span.service, span.name) == ("twofold-commands", "handle PlaceOrder")
    assert f"00-{span.trace_id}-{span.parent_id}-01" == TRACEPARENT
    assert b"deployment.environment.name" in collector.raw[0]


def test_a_collector_that_is_away_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    tracing = Tracing.from_settings(Settings.load(), "commands")
    assert tracing is not None
    for _ in range(100):
        tracing.record("handle PlaceOrder", TRACEPARENT, time.time(), {})
    stopped = threading.Event()

    def stop() -> None:
        tracing.stop()
        stopped.set()

    threading.Thread(target=stop, daemon=True).start()

    assert _exporting()
    assert stopped.wait(PATIENCE_S), "although the exporter goes on trying for 10 s"
    # It draws its pauses from the random numbers that all share, in the middle of another test's.
    until(lambda: not _exporting(), PATIENCE_S, "the exporter gives up")


def _exporting() -> list[str]:
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name == "traces" or name.startswith("Otel")]


@pytest.mark.parametrize("sent", [None, "nonsense", "00-" + "0" * 32 + "-b7ad6b7169203331-01"])
def test_a_caller_that_sends_no_trace_gets_a_new_one(sent: str | None) -> None:
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - as it is imported when asked for

    request = Tracing(TracerProvider(shutdown_on_exit=False)).request(sent, None)

    assert request.traceparent == f"00-{request.trace_id}-{request.traceparent[36:52]}-01"  # type: ignore[index]
    assert int(request.trace_id, 16)


def test_an_envelope_without_a_trace_has_no_such_field() -> None:
    """So that builds which do not know it read what this one sends."""
    assert "traceparent" not in messages.envelope().to_stored()
    assert "traceparent" not in messages.envelope().model_dump(mode="json")

    traced = messages.envelope(traceparent=TRACEPARENT)
    assert traced.to_stored()["traceparent"] == TRACEPARENT
    assert CommandEnvelope.from_stored(traced.to_stored()) == traced
