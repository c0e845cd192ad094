"""What the tests of one folder share: made when the first needs it, ended when pytest leaves the folder.

A fixture of the session's would go on beside the tests of all other folders: a running system that nobody
looks at takes a tenth of a core, and a replica set as much.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest

T = TypeVar("T")


class Shared:
    """Context managers that stay entered while the tests of a folder run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._entered: dict[object, Any] = {}
        self._open = ExitStack()

    def get(self, make: Callable[[], AbstractContextManager[T]]) -> T:
        """What ``make`` gives, made once.

        It may not rest on a fixture: after the last test it ends when the session's fixtures are gone.
        """
        if make not in self._entered:
            self._entered[make] = self._open.enter_context(make())
        made: T = self._entered[make]
        return made

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self, nextitem: pytest.Item | None) -> None:
        """End it all if the next test is of another folder; after the test's own fixtures have ended."""
        if nextitem is None or self._folder not in nextitem.path.parents:
            self._entered.clear()
            self._open.close()
