"""Pages of what is listed by id: products and customers."""

from typing import NamedTuple, Protocol

import falcon

from api.http import cursors, queries
from api.http.freshness import Freshness
from api.middleware.deferral import Waits
from read_side.projections.model import Document, Documents
from read_side.projections.paging import Page
from read_side.projections.staleness import ParkedSince


class PageById(Protocol):
    """A read model's query: ``limit`` documents behind the id ``after``."""

    def __call__(self, documents: Documents, *, limit: int, after: str | None) -> Page[str]: ...


class Found(NamedTuple):
    """Documents as served, the cursor of the next page, and what may be missing in them."""

    documents: list[Document]
    cursor: str | None
    parked_since: ParkedSince


def page_by_id(req: falcon.Request, freshness: Freshness, name: str, page_of: PageById) -> Waits[Found]:
    """Return the page that a request asks for."""
    query = queries.read(req, queries.PageQuery)
    live = yield from freshness.live(req, name)
    after = str(cursors.decode(query.cursor, (name,), (str,))[0]) if query.cursor else None
    page = page_of(live.documents, limit=query.limit, after=after)
    cursor = cursors.encode((name,), [page.next_after]) if page.next_after is not None else None
    return Found(page.documents, cursor, live.parked_since)
