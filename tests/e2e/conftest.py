"""The running system that end-to-end tests look at from outside."""

from collections.abc import Iterator

import pytest

from tests.system import System


@pytest.fixture(scope="session")
def system() -> Iterator[System]:
    """One for all tests that leave it running; what they write there, they tell apart by ids of their own."""
    with System() as running:
        yield running
