"""The recorded trade that the replay's tests replay: a pizza place's always, Northwind's where its files are.

Northwind lies outside the repository, in ``NORTHWIND_DIR`` or beside the checkout; an empty ``NORTHWIND_DIR``
leaves it out. Where it is not, its tests are not collected, and the end of the run says so. With pytest-xdist
the tests are collected in the worker processes, which report to the one that writes the summary.
"""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.support import pizzaplace
from tests.support.processes import ROOT

PIZZAPLACE, NORTHWIND = "pizzaplace", "northwind"
NOT_THERE = "Northwind was not replayed: its files are not in ../shared/data/northwind nor in NORTHWIND_DIR"
_KEY = "northwind_was_not_there"


def northwind() -> Path | None:
    """The folder of Northwind's files, if it is there; a ``NORTHWIND_DIR`` without them is an error."""
    named = os.environ.get("NORTHWIND_DIR")
    if named == "":
        return None
    found = Path(named or ROOT.parent / "shared" / "data" / "northwind")
    if (found / "orders.csv").is_file():
        return found
    assert named is None, f"NORTHWIND_DIR: there is no orders.csv in {found}"
    return None


def there() -> list[str]:
    return [PIZZAPLACE, NORTHWIND] if northwind() else [PIZZAPLACE]


def files(name: str, empty: Path) -> Path:
    """The folder with a set's four files: Northwind's own, or the empty one, filled."""
    if name == NORTHWIND:
        found = northwind()
        assert found is not None
        return found
    pizzaplace.write(empty)
    return empty


class NorthwindNotThere:
    """A plugin of pytest's; to be registered where Northwind's files are not."""

    def __init__(self) -> None:
        self._missed = False

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        self._missed |= any("recorded" in getattr(item, "fixturenames", ()) for item in items)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[_KEY] = self._missed

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self._missed |= bool(getattr(node, "workeroutput", {}).get(_KEY))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._missed:
            terminalreporter.line(NOT_THERE)
