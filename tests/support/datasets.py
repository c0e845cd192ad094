"""The recorded trade that tests import: that of packages, and Northwind's where its files are.

Northwind lies outside the repository, in ``NORTHWIND_DIR`` or beside the checkout; an empty ``NORTHWIND_DIR``
leaves it out. Superstore is fetched with npm. Where one is not there, its tests are not collected, and the
end of the run says so. With pytest-xdist the tests are collected in the worker processes, which report to the
one that writes the summary.

Of a large set the first orders are imported; the whole one is behind the marker ``thorough``.
"""

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support import northwind, pizzaplace, superstore
from tests.support.processes import ROOT
from tests.support.recorded import Recorded

NORTHWIND = "northwind"
FIRST_PIZZAS, FIRST_OF_SUPERSTORE = 400, 150
"""Orders of a large set: some seconds' import; an order of the second is three requests."""
NOT_THERE = "Northwind was not imported: its files are not in ../shared/data/northwind nor in NORTHWIND_DIR"
NO_NPM = "Superstore was not imported: there is no npm to fetch it with"
_KEY = "recorded_trade_was_not_there"

FIRST_ORDERS: Mapping[str, Callable[[Path], Recorded]] = {
    "pizzaplace": partial(pizzaplace.read, orders=FIRST_PIZZAS),
    "superstore": partial(superstore.read, orders=FIRST_OF_SUPERSTORE),
}
WHOLE: Mapping[str, Callable[[Path], Recorded]] = {
    "pizzaplace-whole": pizzaplace.read,
    "superstore-whole": superstore.read,
}


def northwind_folder() -> Path | None:
    """The folder of Northwind's files, if it is there; a ``NORTHWIND_DIR`` without them is an error."""
    named = os.environ.get("NORTHWIND_DIR")
    if named == "":
        return None
    found = Path(named or ROOT.parent / "shared" / "data" / "northwind")
    if (found / "orders.csv").is_file():
        return found
    assert named is None, f"NORTHWIND_DIR: there is no orders.csv in {found}"
    return None


def there() -> list[Any]:
    """The names of the sets, as parameters of a fixture."""
    known = [name for name in (*FIRST_ORDERS, *WHOLE) if superstore.there() or "superstore" not in name]
    found = [pytest.param(name, marks=pytest.mark.thorough) if name in WHOLE else name for name in known]
    return [*found, *([NORTHWIND] if northwind_folder() else [])]


def missing() -> list[str]:
    """What is not imported, and why."""
    return [*([] if northwind_folder() else [NOT_THERE]), *([] if superstore.there() else [NO_NPM])]


def read(name: str, empty: Path) -> Recorded:
    """A set; what has to be written for it is written into the empty folder."""
    if name == NORTHWIND:
        found = northwind_folder()
        assert found is not None
        return northwind.read(found)
    return {**FIRST_ORDERS, **WHOLE}[name](empty)


class NotThere:
    """A plugin of pytest's; to be registered where something is missing."""

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
            for said in missing():
                terminalreporter.line(said)
