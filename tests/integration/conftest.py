"""What the tests of the local servers and of the runner share."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A DATA_DIR of the test's own, with a space in it; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="twofold data ") as folder:
        yield Path(folder)
