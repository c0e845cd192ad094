"""Ports of 127.0.0.1 for the embedded servers.

They are drawn from below the range that systems use for outgoing connections (32768 and up on
Linux). A server within that range could be kept from coming back: while it is down, a client
retries, the system gives the client the server's own port as its source, and the client connects to
itself.
"""

import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

HOST = "127.0.0.1"
RANGE = range(20_000, 32_000)
TRIES = 20


def is_free(port: int, host: str = HOST) -> bool:
    """Return True if a server could listen there now; another may take the port a moment later."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def candidates(remembered: Path | None = None) -> Iterator[int]:
    """Yield last time's port, so that a shell that still uses it works again, then free ones."""
    try:
        ports = [int(remembered.read_text())] if remembered else []
    except (OSError, ValueError):
        ports = []
    ports += [secrets.choice(RANGE) for _ in range(TRIES)]
    return (port for port in ports if is_free(port))


def listens(port: int) -> bool:
    """Return True if something accepts connections there."""
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False
