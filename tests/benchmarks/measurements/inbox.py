"""What finished commands take in the inbox, after a while: they should have left it.

Orders are placed, and then their entries have some time to leave. The figure is what those that are still
there take on disk, with their indexes, for each command that was ever finished.
"""

import time

from tests.benchmarks import decisions
from tests.benchmarks.cast import Cast
from tests.benchmarks.figures import Figure, at_most
from tests.benchmarks.samples import Samples
from tests.benchmarks.sizes import Size

NAMES = ("inbox_finished_bytes",)
POLL_S = 0.5


def measure(cast: Cast, size: Size) -> list[Figure]:
    cast.twofold.place(size.first_orders)
    database = cast.stage.write_database
    began = time.monotonic()
    while (found := decisions.finished_entries(database)).left:
        if time.monotonic() - began >= size.finished_s:
            break
        time.sleep(POLL_S)
    seconds = time.monotonic() - began
    return [
        Figure(
            *("inbox_finished_bytes", "B", Samples.of([found.bytes_per_command]), at_most(0)),
            about=f"{found.left:,} of {found.finished:,} finished commands are left after {seconds:.0f} s",
            details={
                "finished": found.finished,
                "left": found.left,
                "entry_bytes": found.entry_bytes,
                "seconds": seconds,
            },
        )
    ]
