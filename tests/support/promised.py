"""Times that are promised to callers and supervisors: asserted, but for those in which nobody could run."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.standstills import Standstills


@contextmanager
def promised(seconds: float, what: str) -> Iterator[None]:
    """Fail if the block takes longer than that on a machine that runs all the while."""
    began = time.monotonic()
    with Standstills() as standstills:
        yield
    took = time.monotonic() - began
    assert took - standstills.seconds <= seconds, f"{what} took {took:.1f} s of {seconds:g}"
