"""A key server on this machine (JWKS, RFC 7517): what it answers can be changed, and it can hang."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

HANGS_S = 60.0
"""How long it hangs at most."""


class Published:
    """What is answered from now on; ``asked`` is how often that was."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.body = json.dumps({"keys": keys}).encode()
        self.status = 200
        self.headers: dict[str, str] = {}
        self.asked = 0
        self.answers = threading.Event()
        """While it is not set, the server hangs."""
        self.answers.set()
        self.url = ""

    def publish(self, *keys: dict[str, Any]) -> None:
        self.status, self.body = 200, json.dumps({"keys": keys}).encode()


def jwk(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, kid: str, **fields: Any) -> dict[str, Any]:
    """The public half of a key as it is published."""
    if isinstance(key, rsa.RSAPrivateKey):
        public = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        public = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**public, "kid": kid, "use": "sig", **fields}


@contextmanager
def publishing(published: Published, port: int = 0) -> Iterator[ThreadingHTTPServer]:
    """Answer on a free port, or on this one."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            published.asked += 1
            published.answers.wait(HANGS_S)
            self.send_response(published.status)
            for name, value in published.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(published.body)))
            self.end_headers()
            self.wfile.write(published.body)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        published.url = f"http://127.0.0.1:{server.server_address[1]}/keys"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            published.answers.set()
            server.shutdown()
            thread.join()
