"""Where the servers of tests keep their files: on disk, or in memory while pytest runs and there is room.

They are gone after the tests, which wait a quarter less when nothing of them goes to a disk. What a server
has written survives its ``kill -9`` in memory as it does on disk. Chaos, failover and benchmarks that are
run by themselves stay on disk, since their figures depend on it.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - what is made there is private (mkdtemp)
ROOM = 8 * 2**30
"""Bytes that must be free there: several times what the servers of all pytest processes keep at a time."""

_in_memory = False


def prefer_memory() -> None:
    """From here on, where there is room."""
    global _in_memory  # noqa: PLW0603 - for the whole process
    _in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM


@contextmanager
def server_folder(prefix: str) -> Iterator[Path]:
    """An empty folder; gone afterwards. Its path is short, for sockets."""
    with tempfile.TemporaryDirectory(prefix=prefix, dir=MEMORY if _in_memory else None) as folder:
        yield Path(folder)
