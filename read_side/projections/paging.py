"""Pages by key: a page starts where the one before it ended, so none skips or repeats anything.

A caller asks for a page with the key of the last document that it has seen. So the page is stable
while documents are added, and costs the same however far down it is.
"""

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from read_side.projections.documents import answer
from read_side.projections.model import Document, Documents

Key = TypeVar("Key")


class Page(NamedTuple, Generic[Key]):
    """Some documents as served, and the key to ask for the next page; ``None`` after the last."""

    documents: list[Document]
    next_after: Key | None


def cut(found: list[Document], limit: int, shape: type, key: Callable[[Document], Key]) -> Page[Key]:
    """Make a page of ``limit`` documents; ``found`` has one more if there is a next page."""
    shown = found[:limit]
    return Page(
        documents=[answer(document, shape) for document in shown],
        next_after=key(shown[-1]) if len(found) > limit else None,
    )


def page_by_id(documents: Documents, shape: type, *, limit: int, after: str | None) -> Page[str]:
    """Return a page in ascending order of ids, served by the index that every collection has."""
    where = {} if after is None else {"_id": {"$gt": after}}
    found = documents.find(where, sort=[("_id", 1)], limit=limit + 1)
    return cut(found, limit, shape, lambda document: str(document["_id"]))
