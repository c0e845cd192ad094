"""Names the databases that a route cannot do without.

They may be different servers, and one may be away alone.
"""

from enum import StrEnum


class Store(StrEnum):
    """A database of this system."""

    WRITE = "write"
    READ = "read"


Needs = frozenset[Store]

NOTHING: Needs = frozenset()
"""The request is answered while both are away."""
WRITE: Needs = frozenset({Store.WRITE})
READ: Needs = frozenset({Store.READ})
BOTH: Needs = frozenset(Store)
