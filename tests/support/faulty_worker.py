"""``python -m tests.support.faulty_worker FOLDER``: a commands' worker that cannot decide some things.

Deciding about a product that is to be named ``raises`` raises, whoever tries. For one that is to be named
``stalls`` the first to try stalls until there is a file ``go-on`` in the folder; who tries later is well.
A worker in which somebody stalls ends after some seconds rather than a minute.
"""

import runpy
import sys
from pathlib import Path
from typing import Any

from tests.support.waiting import until
from write_side.domain import products

STALLED, GO_ON = "stalled", "go-on"
PATIENCE_S = 120.0
STALLED_S = 10.0
"""Longer than a turn takes on a slow machine: a worker in which nobody stalls goes on."""

_decide = products.decide


def break_decisions(folder: Path) -> None:
    """Make the products' ``decide`` faulty; to be called before the table of aggregates is built."""

    def faulty(state: Any, command: Any, facts: Any) -> Any:
        name = getattr(command, "name", None)
        if name == "raises":
            raise RuntimeError("a decision that cannot be made")
        if name == "stalls" and _is_first(folder / STALLED):
            until((folder / GO_ON).exists, PATIENCE_S, "the word to go on")
        return _decide(state, command, facts)

    products.decide = faulty  # type: ignore[assignment]  # it takes and gives what the real one does


def _is_first(mark: Path) -> bool:
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


if __name__ == "__main__":
    break_decisions(Path(sys.argv[1]))
    from write_side import worker  # the table is built with it

    worker.STALLED_S = STALLED_S
    sys.argv = ["write_side", "worker"]
    runpy.run_module("write_side", run_name="__main__", alter_sys=True)
