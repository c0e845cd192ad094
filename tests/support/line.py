"""A caller's connection, written and read byte by byte, which HTTP clients do not allow."""

import http.client
import socket
from contextlib import suppress
from typing import NamedTuple, Self

PATIENCE_S = 20.0


class Answer(NamedTuple):
    """The headers are left out of comparisons (``[:2]``)."""

    status: int
    body: bytes
    headers: http.client.HTTPMessage


class Line:
    """One connection; ``source`` is the caller's own address.

    Answers that come together are read together. So there is one reader for all of them, which keeps
    what it has read ahead for the next answer: with an ``HTTPResponse`` for each, that would be lost.
    """

    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S, (source, 0))
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def fileno(self) -> int:
        """For ``select``; it knows nothing of what was read ahead."""
        return self._socket.fileno()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def ask(self, path: str, method: str = "GET", *headers: str) -> None:
        self.send("\r\n".join([f"{method} /{path} HTTP/1.1", "Host: x", *headers, "", ""]).encode())

    def answer(self, *, with_body: bool = True) -> Answer:
        status = int(self._file.readline().split()[1])
        headers = http.client.parse_headers(self._file)
        body = self._file.read(int(headers["Content-Length"])) if with_body else b""
        return Answer(status, body, headers)

    def rest(self) -> bytes:
        """All that comes until the server closes the connection; waits for that."""
        return self._file.read()


def refuses(port: int) -> bool:
    """Whether nobody listens on the port."""
    try:
        with suppress(ConnectionResetError):  # it came in the instant of closing
            socket.create_connection(("127.0.0.1", port), 5).close()
    except ConnectionRefusedError:
        return True
    return False
