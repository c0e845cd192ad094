"""Where a program is missing, such as a browser, the tests that need it are left out.

The rest runs, and the end of the run says which tests did not, and what to do. In CI nothing is left out:
there a missing program is a failure. With pytest-xdist the tests are collected in the worker processes,
which report what they left out to the one that writes the summary.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.browser import programs
from tests.support import nginx, node, skewed_mongod

TESTS = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Need:
    """What some tests need: those below a folder that ask for a fixture."""

    title: str
    folder: Path
    fixture: str
    missing: str
    there: Callable[[], bool]


NEEDS = (
    Need("tests in a browser", TESTS / "browser", "browser", programs.MISSING, programs.there),
    Need("tests with a wrong clock", TESTS, "skewed_mongod", skewed_mongod.MISSING, skewed_mongod.there),
    Need("tests behind nginx", TESTS / "integration", "nginx", nginx.MISSING, nginx.there),
    Need("tests of a generated TypeScript client", TESTS / "e2e", "npm_packages", node.MISSING, node.there),
)


class LeftOut:
    """A plugin of pytest's for one need; to be registered for each of ``may_leave_out()``."""

    def __init__(self, need: Need) -> None:
        self._need = need
        self._key = f"left_out_for_want_of_{need.fixture}"
        self._ids: set[str] = set()

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        need = self._need
        out = [i for i in items if need.folder in i.path.parents and need.fixture in _fixtures(i)]
        if out:
            items[:] = [item for item in items if item not in out]
            config.hook.pytest_deselected(items=out)
        self._ids |= {item.nodeid for item in out}

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[self._key] = sorted(self._ids)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self._ids |= set(getattr(node, "workeroutput", {}).get(self._key, ()))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self._ids:
            return
        terminalreporter.section(f"not run: {self._need.title}")
        for left_out in sorted(self._ids):
            terminalreporter.line(left_out)
        terminalreporter.line(f"{len(self._ids)} not run, since {self._need.missing}")


def may_leave_out() -> list[Need]:
    """What is missing, and may be."""
    return [] if os.environ.get("CI") == "true" else [need for need in NEEDS if not need.there()]


def _fixtures(item: pytest.Item) -> tuple[str, ...]:
    return tuple(getattr(item, "fixturenames", ()))
