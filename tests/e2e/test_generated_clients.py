"""Clients generated from ``/openapi.json`` are whole, pass their language's type checker, and work.

Each is generated as its generator does it by default. With it, a session (``tests/e2e/clients/``) places,
reads and changes an order against the running service.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import node
from tests.support.generator import Generator, IndexAwayError, run_module
from tests.support.plain_http import NO_TLS
from tests.support.system import System

SESSIONS = Path(__file__).with_name("clients")
SEEN: Mapping[str, Any] = {
    "total": 1800,
    "lines": [1800],
    "city": "Bath",
    "changed": True,
    "refused": "/problems/status-not-allowed",
    "listed": ["confirmed"],
}
PACKAGE = "twofold_client"
TIMEOUT_S = 900


@pytest.fixture
def description(system: System, tmp_path: Path) -> Path:
    """As the service gives it."""
    answer = httpx.get(f"{system.url}/openapi.json", timeout=40, trust_env=False, verify=NO_TLS)
    path = tmp_path / "openapi.json"
    path.write_bytes(answer.raise_for_status().content)
    return path


@pytest.fixture
def npm_packages(tmp_path: Path) -> Path:
    """A folder with the session and what it needs."""
    folder = tmp_path / "typescript"
    shutil.copytree(SESSIONS / "typescript", folder)
    try:
        node.install(folder)
    except node.RegistryAwayError as error:
        pytest.skip(f"not run, since the npm registry cannot be reached: {error}")
    return folder


@pytest.fixture
def generator(tmp_path: Path) -> Generator:
    try:
        return Generator(tmp_path / "generator", SESSIONS / "python" / "requirements.txt")
    except IndexAwayError as error:
        pytest.skip(f"not run, since the package index cannot be reached: {error}")


@pytest.mark.timeout(TIMEOUT_S)
def test_a_python_client(system: System, description: Path, generator: Generator, tmp_path: Path) -> None:
    folder = tmp_path / "python"
    shutil.copytree(SESSIONS / "python", folder)
    generator.generate(description, folder / PACKAGE)

    run_module(folder, "mypy", "--config-file", "mypy.ini", PACKAGE, "session.py")
    told = run_module(folder, "session", system.url, system.token("staff", "sam"), "client-in-python")

    assert json.loads(told) == SEEN


@pytest.mark.timeout(TIMEOUT_S)
def test_a_typescript_client(system: System, description: Path, npm_packages: Path) -> None:
    node.run(npm_packages, "openapi-typescript", str(description), "--output", "twofold.d.ts")

    node.run(npm_packages, "tsc")
    told = node.run(
        npm_packages, "node", "session.js", system.url, system.token("staff", "sam"), "client-in-typescript"
    )

    assert json.loads(told) == SEEN
