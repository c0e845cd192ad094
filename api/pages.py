"""Pages of what is listed by id: products and customers."""

from typing import Protocol

import falcon

from api import cursors, queries
from api.freshness import Freshness
from read_side.projections.model import Document, Documents
from read_side.projections.paging import Page


class PageById(Protocol):
    """A read model's query: ``limit`` documents behind the id ``after``."""

    def __call__(self, documents: Documents, *, limit: int, after: str | None) -> Page[str]: ...


def page_by_id(
    req: falcon.Request, freshness: Freshness, name: str, page_of: PageById
) -> tuple[list[Document], str | None]:
    """The documents of the page that is asked for, as served, and the cursor of the next."""
    query = queries.read(req, queries.PageQuery)
    live = freshness.live(req, name)
    after = str(cursors.decode(query.cursor, (name,), (str,))[0]) if query.cursor else None
    page = page_of(live.documents, limit=query.limit, after=after)
    cursor = cursors.encode((name,), [page.next_after]) if page.next_after is not None else None
    return page.documents, cursor
