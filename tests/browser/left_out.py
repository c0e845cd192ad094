"""Where there is no browser, the rest runs, and the end of the run says which tests did not, and what to do.

In CI nothing is left out: there a missing browser is a failure. With pytest-xdist the tests are collected in
the worker processes, which report what they left out to the one that writes the summary.
"""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.browser.programs import MISSING, there

FOLDER = Path(__file__).parent
_KEY = "left_out_for_want_of_a_browser"


class LeftOut:
    """A plugin of pytest's; to be registered where ``may_leave_out()``."""

    def __init__(self) -> None:
        self._ids: set[str] = set()

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        out = [item for item in items if FOLDER in item.path.parents and "browser" in _fixtures(item)]
        if out:
            items[:] = [item for item in items if item not in out]
            config.hook.pytest_deselected(items=out)
        self._ids |= {item.nodeid for item in out}

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[_KEY] = sorted(self._ids)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self._ids |= set(getattr(node, "workeroutput", {}).get(_KEY, ()))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self._ids:
            return
        terminalreporter.section("not run: tests in a browser")
        for left_out in sorted(self._ids):
            terminalreporter.line(left_out)
        terminalreporter.line(f"{len(self._ids)} not run, since {MISSING}")


def may_leave_out() -> bool:
    return not there() and os.environ.get("CI") != "true"


def _fixtures(item: pytest.Item) -> tuple[str, ...]:
    return tuple(getattr(item, "fixturenames", ()))
