"""The local runner: starts the servers that are not brought, then every process, then says welcome.

Stopping takes at most 10 s: 0.5 s for a command in the foreground, 6 s for the processes, 2.5 s for
mongod and 1 s for Redis. These bounds are rarely reached. If a server dies, the runner starts it
again where it was, and the processes catch up. If a process dies, everything stops, which is
honcho's rule and right for a laptop.
"""

import os
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx

from api.local import environment, ports, welcome
from api.local.interrupts import first_signal_unwinds
from api.local.processes import Processes
from api.local.servers import LocalServers
from bus.connections.address_secrets import without_credentials
from bus.errors import ConfigurationError, ServerUnavailableError
from bus.messages.principal import Role
from bus.settings import SERVERS_FILE, Settings
from bus.terminal import Terminal

ROOT = Path(__file__).resolve().parents[2]
PROCFILE = Path(__file__).with_name("Procfile")
"""In a checkout this is a link to its Procfile, in a wheel a copy of it."""
READY_S = 60.0
POLL_S = 0.1
QUIET_S = 0.5
"""The seconds to wait for the processes' first log lines.

They come a few ms after the processes are ready, and some more ms through honcho.
"""
WATCH_S = 1.0
FOREGROUND_STOP_S = 0.5

Command = Callable[[str], Sequence[str]]
"""Makes a command line from the API's address."""


def run(then: Command | None = None, *, exit_after: bool = False, procfile: Path = PROCFILE) -> int:
    """Run everything until SIGINT or SIGTERM; return the exit status.

    ``then`` runs in the foreground once the API is ready and the workers are there. If it fails, or
    with ``exit_after``, the runner stops everything and returns its status.
    """
    settings = Settings.load()
    return _until_interrupted(lambda running: _run(running, settings, procfile, then, exit_after=exit_after))


def up() -> int:
    """Run the embedded servers alone until SIGINT or SIGTERM; print how to reach them."""
    settings = Settings.load()
    return _until_interrupted(lambda running: _up(running, settings))


def _until_interrupted(body: Callable[[ExitStack], int]) -> int:
    os.umask(0o077)  # what the servers write is closed to other users
    with first_signal_unwinds() as interrupts, ExitStack() as running:
        try:
            return body(running)
        except KeyboardInterrupt:
            return 0
        finally:
            interrupts.ignore()  # before anything is stopped


def _up(running: ExitStack, settings: Settings) -> int:
    console = Terminal()
    servers = running.enter_context(LocalServers(settings))
    for name, address in servers.environ.items():
        _say(console, f"{name}: {without_credentials(address)}")
    file = settings.data_dir.resolve() / SERVERS_FILE
    _say(console, "Commands in this folder find these. For other programs, with the passwords:")
    _say(console, f"set -a; . {shlex.quote(str(file))}; set +a")
    while True:
        time.sleep(WATCH_S)
        _restart_dead(console, servers)


def _say(console: Terminal, line: str) -> None:
    console.print(line, highlight=False, soft_wrap=True)


def _run(
    running: ExitStack, settings: Settings, procfile: Path, then: Command | None, *, exit_after: bool
) -> int:
    console = Terminal()
    port = environment.api_port(settings)
    if not ports.is_free(port, settings.api_host):
        raise ConfigurationError(f"PORT: {port} is taken (or not allowed); set another, as in PORT=8080")
    console.print("Starting the servers ...")
    servers = running.enter_context(LocalServers(settings.model_copy(update={"api_port": port})))
    environ = environment.for_processes(settings, servers)
    processes = running.enter_context(Processes(procfile, ROOT, environ))
    processes.start()
    running.callback(console.print, "Stopping ...")
    address = _address(settings.api_host, port)
    tokens = welcome.tokens(settings)
    _await_ready(processes, address, tokens.get(Role.OPS))
    if processes.wait(QUIET_S) is not None:
        raise _ended(processes)
    welcome.show(console, address, tokens)
    if then is not None:
        status = _in_foreground(then(address), environ, lambda: _restart_dead(console, servers))
        if status != 0 or exit_after:
            return status
        welcome.show(console, address, tokens)  # it is far up by now
    while processes.wait(WATCH_S) is None:
        _restart_dead(console, servers)
    raise _ended(processes)


def _address(api_host: str, port: int) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(api_host, api_host)  # noqa: S104 - nothing is bound here
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _await_ready(processes: Processes, address: str, token: str | None) -> None:
    """Wait until every part is there; if the answer names no parts, wait until all is well."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    deadline = time.monotonic() + READY_S
    answer = "nothing listens"
    with httpx.Client(base_url=address, headers=headers, timeout=5, trust_env=False) as client:
        while processes.wait(POLL_S) is None:
            try:
                response = client.get("/health/ready")
                if response.status_code == httpx.codes.OK and _is_there(response.json()):
                    return
                answer = f"{response.status_code} {response.text[:200]}"
            except httpx.TransportError as error:
                answer = str(error)
            if time.monotonic() > deadline:
                raise ServerUnavailableError(
                    f"{address}/health/ready did not say ready within {READY_S:g} s, last: {answer}"
                )
    raise _ended(processes)


def _is_there(readiness: Mapping[str, Any]) -> bool:
    """Return True if all parts are ``ok``, also the workers, which may come later than the API.

    The part ``time_zone`` does not count, since it waits for a rebuild.
    """
    if "parts" not in readiness:
        return bool(readiness["status"] == "ready")
    return all(said == "ok" for part, said in readiness["parts"].items() if part != "time_zone")


def _in_foreground(command: Sequence[str], environ: Mapping[str, str], meanwhile: Callable[[], None]) -> int:
    child = subprocess.Popen(command, cwd=ROOT, env=environ)  # noqa: S603 - our own command
    try:
        while True:
            with suppress(subprocess.TimeoutExpired):
                return child.wait(WATCH_S)
            meanwhile()
    finally:
        if child.poll() is None:
            child.terminate()
            with suppress(subprocess.TimeoutExpired):
                child.wait(FOREGROUND_STOP_S)
            child.kill()
            child.wait()


def _restart_dead(console: Terminal, servers: LocalServers) -> None:
    for name in servers.restart_dead():
        console.print(f"{name} had died and was started again")


def _ended(processes: Processes) -> ServerUnavailableError:
    return ServerUnavailableError(
        f"a process ended, so all were stopped (status {processes.wait(0)}); the lines above say why"
    )
