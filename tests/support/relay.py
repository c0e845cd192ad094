"""An address that can come to mean another server: a relay in front of servers on 127.0.0.1.

Connections that are open stay with the server that they were made to, as with a name that resolves anew.
With a TLS context the relay speaks TLS to each client that begins with it, for a server built without.
"""

import select
import socket
import ssl
import threading
from contextlib import ExitStack, suppress
from typing import Self

from api.local.ports import HOST

CHUNK = 65_536
ACCEPT_S = 0.1
"""How long it takes to notice that the relay is to end."""
TLS_HANDSHAKE = b"\x16"
SILENCE_S = 60.0
"""How long neither side may say anything."""


class Relay:
    """Listens while the block runs."""

    def __init__(self, target: int, tls: ssl.SSLContext | None = None) -> None:
        """``target`` is the port that new connections lead to."""
        self.target = target
        self._tls = tls
        self._listening = socket.create_server((HOST, 0))
        self._listening.settimeout(ACCEPT_S)
        self._open: list[socket.socket] = []
        self._relaying: list[threading.Thread] = []
        self._stopping = threading.Event()
        self._accepting = threading.Thread(target=self._accept, name="relay", daemon=True)

    @property
    def port(self) -> int:
        return int(self._listening.getsockname()[1])

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._accepting.join()
        self._listening.close()
        for connection in self._open:
            with suppress(OSError):  # past its TLS object, which the other thread may be using
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        for relaying in self._relaying:
            relaying.join()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                client, _ = self._listening.accept()
            except TimeoutError:
                continue
            relaying = threading.Thread(target=self._relay, args=(client,), daemon=True)
            self._relaying.append(relaying)
            relaying.start()

    def _relay(self, client: socket.socket) -> None:
        client.settimeout(SILENCE_S)
        with ExitStack() as opened, suppress(OSError):  # each side sees the end of the other as its own
            opened.callback(lambda: client.close())  # noqa: PLW0108 - the one that TLS may put in its place
            if self._tls is not None and client.recv(1, socket.MSG_PEEK) == TLS_HANDSHAKE:
                client = self._tls.wrap_socket(client, server_side=True)
            server = opened.enter_context(socket.create_connection((HOST, self.target)))
            self._open += [client, server]
            other = {client: server, server: client}
            while not self._stopping.is_set():  # it may have come too late to be shut down
                for source in _readable(client, server):
                    data = source.recv(CHUNK)
                    if not data:
                        return
                    other[source].sendall(data)


def _readable(client: socket.socket, server: socket.socket) -> list[socket.socket]:
    """Those of both that have something; a client's may lie decrypted in its TLS object already."""
    if isinstance(client, ssl.SSLSocket) and client.pending():
        return [client]
    ready, _, _ = select.select([client, server], [], [], SILENCE_S)
    if not ready:
        raise TimeoutError("nothing to relay")
    return ready
