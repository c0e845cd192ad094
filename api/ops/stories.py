"""``/ops/stories/{id}``: the story of an order, a customer or a product, or a command's outcome."""

from http import HTTPStatus

import falcon

from api.http import queries
from api.http.answers import answer
from api.http.problems import Problem, ProblemError, checked_id
from api.ops.timeline import TimelineReader
from bus.messages.streams import is_stream


class Stories:
    """``/ops/stories/{id}``."""

    def __init__(self, timeline_reader: TimelineReader) -> None:
        self._timeline_reader = timeline_reader

    def on_get(self, req: falcon.Request, resp: falcon.Response, story_id: str) -> None:
        query = queries.read(req, queries.StoryQuery)
        if not is_stream(story_id):  # its name is longer than an id may be
            checked_id("story", story_id)
        story = self._timeline_reader.story(story_id, query.kind)
        if story is None:
            what = query.kind or "order, customer, product or command"
            detail = f"No {what} is known by the id {story_id}."
            raise ProblemError(Problem(HTTPStatus.NOT_FOUND, "unknown-story", detail))
        answer(resp, story)
