"""What a newer build would have stored: documents with fields that this one does not know."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from pymongo.database import Database

ADDED = "added_by_a_newer_build"
BY_DATA = frozenset({"generations", "spent", "by_status"})
"""Fields whose keys are data themselves: numbers of generations, currencies, states."""


def newer(stored: Any) -> Any:
    """The same, with another field in each object, at every depth."""
    if isinstance(stored, Mapping):
        changed = {
            key: {inner: newer(each) for inner, each in value.items()} if key in BY_DATA else newer(value)
            for key, value in stored.items()
        }
        return {**changed, ADDED: {"of": ["its", "own"]}}
    return [newer(each) for each in stored] if isinstance(stored, list) else stored


def written_by_a_newer_build(
    database: Database[dict[str, Any]], only: Collection[str] | None = None
) -> set[str]:
    """Give every document such fields, or those of some collections; the names of those that have any."""
    found = set()
    stored = database.list_collection_names(
        filter={"type": "collection", "name": {"$not": re.compile("^system")}}
    )
    for name in stored if only is None else only:
        for document in list(database[name].find()):
            database[name].replace_one({"_id": document["_id"]}, newer(document))
            found.add(name)
    return found
