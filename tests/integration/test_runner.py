"""The local runner with stand-ins for the processes: it starts, stops, heals, and leaves nothing behind."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.local import ports
from bus.settings import LOCAL_SECRET, SERVERS_FILE
from tests.integration.runner_process import ROOT, Shop, draw_ports
from tests.support.plain_http import NO_TLS
from tests.support.waiting import until

WEB = """
import http.server, os, pathlib
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health/ready" else 404)
        self.end_headers()
        workers_are_there = not pathlib.Path(os.environ["DATA_DIR"], "no-workers").exists()
        commands = b"ok" if workers_are_there else b"missing"
        self.wfile.write(b'{"parts": {"commands": "' + commands + b'", "time_zone": "rebuild x"}}')
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["API_PORT"])), Ready).serve_forever()
"""
LATE = """
import threading
class Late(Ready):
    def do_GET(self):
        super().do_GET()
        said = "working at last, LOG_FORMAT " + os.environ.get("LOG_FORMAT", "None")
        threading.Timer(0.2, print, [said], {"flush": True}).start()
"""
OTHER = "import os, signal; int(os.environ['PORT']); signal.pause()"  # honcho's, which may be taken
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()"
FAILING = "raise SystemExit(3)"
UP_S = 90  # the runner gives up after 60 and says why
STOPPED_S = 30  # the runner promises 10; a slow machine is not its fault
QUIET_S = 5.0  # the runner waits 0.5; the line that it waits for comes after 0.2, or later on a slow machine


@pytest.fixture
def shop(data_dir: Path) -> Iterator[Shop]:
    shop = Shop(data_dir)
    try:
        yield shop
    finally:
        shop.end()


def until_up(shop: Shop) -> None:
    def is_up() -> bool:
        assert shop.runner is not None
        assert shop.runner.poll() is None, f"the runner ended\n{shop.said()}"
        return "Ctrl-C stops everything" in shop.said()

    try:
        until(is_up, UP_S, "the runner is up")
    except TimeoutError as error:
        error.add_note(shop.said())
        raise


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything(shop: Shop, how: signal.Signals) -> None:
    runner = shop.run(web=WEB, other=OTHER)
    until_up(shop)
    assert len(shop.pids()) >= 6  # runner, honcho, 2 processes, 2 servers

    runner.send_signal(how)

    assert runner.wait(STOPPED_S) == 0
    assert shop.pids() == []
    assert f"http://127.0.0.1:{shop.port}" in shop.said()


def test_it_is_up_once_the_workers_are_there(shop: Shop) -> None:
    nobody_works = shop.data_dir / "no-workers"
    nobody_works.touch()
    runner = shop.run(web=WEB)
    until(lambda: not ports.is_free(shop.port), UP_S, "an API")
    assert (
        httpx.get(f"http://127.0.0.1:{shop.port}/health/ready", trust_env=False, verify=NO_TLS).status_code
        == 200
    )
    assert "Ctrl-C" not in shop.said()

    nobody_works.unlink()

    until_up(shop)
    runner.send_signal(signal.SIGINT)
    assert runner.wait(STOPPED_S) == 0


@pytest.mark.parametrize(("terminal", "shape"), [(True, "plain"), (False, "None")])
def test_how_to_use_it_comes_last_and_logs_are_plain_on_a_terminal(
    shop: Shop, *, terminal: bool, shape: str
) -> None:
    head, tail = WEB.split("http.server.HTTPServer", 1)
    server = "http.server.HTTPServer" + tail.replace("Ready", "Late")
    runner = shop.run(web=head + LATE + server, terminal=terminal, quiet_s=QUIET_S)
    until_up(shop)

    start, _, welcome = shop.said().partition("Twofold is ready")

    assert f"working at last, LOG_FORMAT {shape}" in start
    assert " | " not in welcome
    runner.send_signal(signal.SIGINT)
    assert runner.wait(STOPPED_S) == 0


def test_impatience_does_not_break_the_cleanup(shop: Shop) -> None:
    runner = shop.run(web=WEB, stubborn=STUBBORN)
    until_up(shop)

    runner.send_signal(signal.SIGINT)
    until(lambda: "Stopping" in shop.said(), UP_S, "the runner stops")
    runner.send_signal(signal.SIGINT)
    runner.send_signal(signal.SIGTERM)

    assert runner.wait(STOPPED_S) == 0
    assert shop.pids() == []


def test_processes_that_all_ignore_the_end_are_killed(shop: Shop) -> None:
    stubborn_web = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + WEB
    runner = shop.run(web=stubborn_web, stubborn=STUBBORN)
    until_up(shop)

    runner.send_signal(signal.SIGINT)

    assert runner.wait(STOPPED_S) == 0
    assert shop.pids() == []


def test_signal_while_starting_stops_everything(shop: Shop) -> None:
    runner = shop.run(never_ready=STUBBORN)
    until(lambda: "never_ready.1 started" in re.sub(r"\s+", " ", shop.said()), UP_S, "honcho runs")
    with socket.create_server((ports.HOST, shop.port)) as api:
        api.settimeout(UP_S)
        asked, _ = api.accept()  # so the runner has honcho in hand, and waits for an answer
        with asked:
            runner.send_signal(signal.SIGINT)
            assert runner.wait(STOPPED_S) == 0

    assert shop.pids() == []


def test_process_that_ends_stops_everything_and_is_told(shop: Shop) -> None:
    runner = shop.run(web=WEB, failing=FAILING)

    assert runner.wait(UP_S) == 1
    assert shop.pids() == []
    assert "error: a process ended, so all were stopped (status 3)" in shop.said()


def test_killed_runner_takes_everything_with_it(shop: Shop) -> None:
    runner = shop.run(web=WEB)
    until_up(shop)

    runner.kill()
    runner.wait()

    until(lambda: shop.pids() == [], STOPPED_S, "everything is gone")
    assert ports.is_free(shop.port)
    assert (shop.data_dir / SERVERS_FILE).exists(), "nobody was there to remove it"
    beside = subprocess.run(
        [sys.executable, "-m", "read_side", "parked"],
        env=os.environ | {"DATA_DIR": str(shop.data_dir)},
        capture_output=True,
        text=True,
        timeout=UP_S,
        check=False,
    )
    assert beside.returncode == 1
    assert f"(not set, and no `make run` goes on in {shop.data_dir})" in beside.stderr


def test_killed_honcho_leaves_no_process(shop: Shop) -> None:
    runner = shop.run(web=WEB)
    until_up(shop)
    (honcho, *_) = sorted(
        pid for pid in shop.pids() if b"honcho" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )

    os.kill(honcho, signal.SIGKILL)

    assert runner.wait(STOPPED_S) == 1
    assert shop.pids() == []


@pytest.mark.parametrize("server", ["redis", "mongod"])
def test_killed_server_is_started_again(shop: Shop, server: str) -> None:
    runner = shop.run(web=WEB)
    until_up(shop)

    os.kill(shop.pid_of(server), signal.SIGKILL)
    until(lambda: f"{server} had died and was started again" in shop.said(), UP_S, "the server is back")

    assert runner.poll() is None
    assert shop.pid_of(server)


def test_taken_port_is_told_before_anything_starts(shop: Shop, data_dir: Path) -> None:
    shop.run(web=WEB)
    until_up(shop)
    second = Shop(data_dir / "second")
    second.data_dir.mkdir()
    second.port = shop.port

    assert second.run(web=WEB).wait(UP_S) == 1
    assert (
        second.said() == f"error: PORT: {shop.port} is taken (or not allowed); set another, as in PORT=8080\n"
    )
    assert not (second.data_dir / "redis").exists()


@pytest.mark.parametrize("port", ["0", "65536", "web", "-1", "8.5"])
def test_port_that_is_none_is_refused_by_its_name(shop: Shop, port: str) -> None:
    shop.port = port  # type: ignore[assignment]

    assert shop.run(web=WEB).wait(UP_S) == 1
    assert shop.said() == f"error: PORT: must be a number from 1 to 65535, not '{port}'\n"


def test_servers_alone_say_how_to_reach_them(data_dir: Path) -> None:
    draw_ports(data_dir)
    up = subprocess.Popen(
        [sys.executable, "-m", "api", "up"],
        cwd=ROOT,
        env=os.environ | {"DATA_DIR": str(data_dir)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with up:
        assert up.stdout is not None
        try:
            lines = [up.stdout.readline() for _ in range(5)]
            source = f"{lines[-1]} env"
            told = subprocess.run(
                ["/bin/sh", "-c", source], capture_output=True, text=True, timeout=UP_S, check=True
            )
            up.send_signal(signal.SIGINT)
            assert up.wait(STOPPED_S) == 0
        finally:
            up.kill()

    variables = dict(line.split("=", 1) for line in told.stdout.splitlines())
    assert variables["WRITE_MONGODB_URI"] == variables["READ_MONGODB_URI"]
    assert variables["JWT_SECRET"] == (data_dir / LOCAL_SECRET).read_text()
    for server, variable in (("redis", "REDIS_URL"), ("mongod", "READ_MONGODB_URI")):
        secret = (data_dir / f"{server}.secret").read_text()
        assert secret in variables[variable]
        assert secret not in "".join(lines)
    assert lines[0] == f"REDIS_URL: redis://127.0.0.1:{(data_dir / 'redis.port').read_text()}/0\n"
