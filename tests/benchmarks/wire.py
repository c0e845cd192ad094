"""Requests as they go over the wire, built once and sent many times."""

import json
from typing import Any


def post(path: str, body: Any, token: str = "") -> bytes:
    """A POST of a JSON body."""
    content = json.dumps(body, separators=(",", ":")).encode()
    return (
        _head("POST", path, token, "Content-Type: application/json", f"Content-Length: {len(content)}")
        + content
    )


def patch(path: str, body: Any, token: str, prefer: str = "") -> bytes:
    """A PATCH of a JSON body; ``prefer`` is the value of its ``Prefer`` header."""
    content = json.dumps(body, separators=(",", ":")).encode()
    further = ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return _head("PATCH", path, token, *further, *([f"Prefer: {prefer}"] if prefer else [])) + content


def get(path: str, token: str = "") -> bytes:
    return _head("GET", path, token)


def _head(method: str, path: str, token: str, *further: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: application/json", *further]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
