"""Pages of what is listed by id: products and customers."""

from typing import Protocol

import falcon

from api import cursors, queries
from api.answers import answer
from api.freshness import Freshness
from read_side.projections.model import Documents
from read_side.projections.paging import Page


class PageById(Protocol):
    """A read model's query: ``limit`` documents behind the id ``after``."""

    def __call__(self, documents: Documents, *, limit: int, after: str | None) -> Page[str]: ...


def answer_page_by_id(
    req: falcon.Request, resp: falcon.Response, freshness: Freshness, name: str, page_of: PageById
) -> None:
    """Answer with ``{<name>: [...], next_cursor}``."""
    query = queries.read(req, queries.PageQuery)
    live = freshness.live(req, name)
    after = str(cursors.decode(query.cursor, (name,), (str,))[0]) if query.cursor else None
    page = page_of(live.documents, limit=query.limit, after=after)
    cursor = cursors.encode((name,), [page.next_after]) if page.next_after is not None else None
    answer(resp, {name: page.documents, "next_cursor": cursor})
