"""The running systems that end-to-end tests look at from outside."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from api.local import ports
from tests.support.shared import Shared
from tests.support.system import READY_S, System, is_ready
from tests.support.waiting import until

SHARED = Shared(Path(__file__).parent)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(SHARED)


@pytest.fixture(scope="module")
def system() -> System:
    """One for all tests that leave it running; what they write there, they tell apart by ids of their own."""
    return SHARED.get(System)


@dataclass(frozen=True)
class Scattered:
    """A system on hosts whose clocks are minutes apart: ``early`` and ``late`` are two of its APIs."""

    system: System
    early: str
    late: str


@pytest.fixture(scope="module")
def scattered() -> Scattered:
    """Three APIs and three commands' workers, of which one each has the right time."""
    return SHARED.get(_scattered)


@contextmanager
def _scattered() -> Iterator[Scattered]:
    free = ports.candidates()
    early, late = next(free), next(free)
    lines = {
        "early": f"exec env API_PORT={early} python -m tests.support.skewed 300 api serve",
        "late": f"exec env API_PORT={late} python -m tests.support.skewed -300 api serve",
        "commands2": "exec python -m tests.support.skewed 120 write_side worker",
        "commands3": "exec python -m tests.support.skewed -180 write_side worker",
    }
    urls = [f"http://127.0.0.1:{port}" for port in (early, late)]
    with System(lines) as running:
        for url in urls:
            until(partial(is_ready, url), READY_S, f"{url}/health/ready")
        yield Scattered(running, *urls)
