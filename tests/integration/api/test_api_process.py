"""``python -m api``: it starts with what it needs, and stops when told to."""

import http.client
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from api.local import ports
from api.server.server import MAX_HEADER_BYTES
from bus.connections.clients import write_database
from bus.log.log import Log
from bus.settings import Settings
from tests.support.line import refuses
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[3]
SECRET = "the secret of the tests, 32 bytes or more"


def environment(settings: Settings, **extra: str) -> dict[str, str]:
    return {
        **os.environ,
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "WRITE_MONGODB_URI": settings.write_mongodb_uri.get_secret_value(),
        "WRITE_DATABASE": settings.write_database,
        "READ_MONGODB_URI": settings.read_mongodb_uri.get_secret_value(),
        "READ_DATABASE": settings.read_database,
        **extra,
    }


def test_it_does_not_start_without_a_key(settings: Settings) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "api", "serve"],
        env=environment(settings),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "JWT_SECRET" in done.stderr


def test_a_process_serves_until_it_is_told_to_stop(settings: Settings) -> None:
    port = next(ports.candidates())
    process = subprocess.Popen(
        [sys.executable, "-m", "api", "serve"],
        env=environment(settings, JWT_SECRET=SECRET, API_PORT=str(port)),
        cwd=ROOT,
        stderr=subprocess.PIPE,
    )
    try:
        until(lambda: not refuses(port), 30, "an open port")
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as client:
            client.request("GET", "/health/live")
            assert client.getresponse().status == 200
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as client:
            client.request("GET", "/health/live", headers={"X-Large": "x" * MAX_HEADER_BYTES})
            refused = client.getresponse()
            assert (refused.status, refused.getheader("X-Content-Type-Options")) == (431, "nosniff")
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        _, logged = process.communicate(timeout=30)
        assert process.returncode == 0
        assert b"Traceback" not in logged
    finally:
        process.kill()
        process.wait()


def test_a_log_of_another_size_is_refused(settings: Settings) -> None:
    """The ids of orders are drawn into partitions: with another number of them they would be wrong."""
    port = str(next(ports.candidates()))
    five = environment(settings, JWT_SECRET=SECRET, API_PORT=port, LOG_PARTITIONS="5")
    database = write_database(settings)
    with database.client:
        Log(database, 4).create()

    done = subprocess.run(
        [sys.executable, "-m", "api", "serve"],
        env=five,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert "LOG_PARTITIONS" in done.stderr.splitlines()[-1]


def test_a_token_is_printed_and_nothing_else(settings: Settings) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "api", "token", "--role", "customer", "--sub", "c1", "--ttl", "15m"],
        env=environment(settings, JWT_SECRET=SECRET),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout.count(".") == 2
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
