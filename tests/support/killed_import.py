"""``python -m tests.support.killed_import ORDERS ARGUMENTS``: an import that dies once so many are placed.

It kills itself as ``kill -9`` does when so many orders have been answered, in the middle of sending the rest.
So no test has to be quick enough to kill it before its end.
"""

import os
import runpy
import signal
import sys
from collections.abc import Mapping
from itertools import count
from typing import Any

from api.client.sender import Reply, Sender

_send = Sender.send


def die_after(orders: int) -> None:
    """Let the sender of so many orders end this process."""
    answered = count(1)

    def send(self: Sender, method: str, path: str, body: Mapping[str, Any], key: str) -> Reply:
        reply = _send(self, method, path, body, key)
        if (method, path) == ("POST", "/orders") and next(answered) >= orders:
            os.kill(os.getpid(), signal.SIGKILL)
        return reply

    Sender.send = send  # type: ignore[method-assign]


if __name__ == "__main__":
    _, orders, *arguments = sys.argv
    die_after(int(orders))
    sys.argv = ["api", "import", *arguments]
    runpy.run_module("api", run_name="__main__", alter_sys=True)
