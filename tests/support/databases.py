"""The names of the databases that one test has for itself."""

from typing import NamedTuple


class DatabaseNames(NamedTuple):
    """Both are on the server of the ``mongo_server`` fixture and are dropped after the test."""

    write: str
    read: str
