"""What somebody else meets meanwhile: one request after another, timed, from a thread of its own."""

import threading
from collections.abc import Callable
from typing import Self

from tests.benchmarks.samples import Samples

PATIENCE_S = 120.0


class Meanwhile:
    """Asks as long as the block runs, and at least once; the block ends when the last answer is there.

    ``ask`` returns the milliseconds that one request took. What it raises is raised at the end of the block.
    """

    def __init__(self, ask: Callable[[], float]) -> None:
        self._ask = ask
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="meanwhile", daemon=True)
        self._error: Exception | None = None
        self._milliseconds: list[float] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._stopping.set()
        self._thread.join(PATIENCE_S)
        if kind is not None:
            return
        if self._error is not None:
            raise self._error
        if self._thread.is_alive():
            raise TimeoutError(f"no answer within {PATIENCE_S:g} s")

    @property
    def samples(self) -> Samples:
        """In the order of asking, once the block has ended."""
        return Samples.of(self._milliseconds)

    def _run(self) -> None:
        try:
            self._milliseconds.append(self._ask())
            while not self._stopping.is_set():
                self._milliseconds.append(self._ask())
        except Exception as error:  # noqa: BLE001 - whatever it was, it belongs to who started this
            self._error = error
