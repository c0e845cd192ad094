"""``/problems``: lists every type of problem. The ``type`` of a problem leads to its page here."""

from collections.abc import Iterator
from functools import cache
from http import HTTPStatus

import falcon

from api.http.problem_types import PROBLEM_TYPES, address, title
from api.http.problem_types.problem_type import ProblemType
from api.http.problems import ProblemError
from api.middleware.error_handlers import of_status
from api.site.negotiated import Negotiated, inline, page
from api.site.shapes import ProblemTypeList, ProblemTypeShown


class ProblemTypes:
    """``/problems``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        _every_type().answer(req, resp)


class OneProblemType:
    """``/problems/{code}``."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, code: str) -> None:
        if code not in PROBLEM_TYPES:
            raise ProblemError(of_status(HTTPStatus.NOT_FOUND, "There is no problem of this type."))
        _one_type(code).answer(req, resp)


@cache
def _every_type() -> Negotiated:
    shown: ProblemTypeList = {"problems": [_shown(code, kind) for code, kind in PROBLEM_TYPES.items()]}
    return Negotiated(shown, page("Problems", _list(), root="./"))


@cache
def _one_type(code: str) -> Negotiated:
    kind = PROBLEM_TYPES[code]
    return Negotiated(_shown(code, kind), page(title(code), _sections(code, kind), root="../"))


def _shown(code: str, kind: ProblemType) -> ProblemTypeShown:
    return {
        "type": address(code),
        "title": title(code),
        "statuses": list(kind.statuses),
        "meaning": kind.meaning,
        "advice": kind.advice,
    }


def _list() -> Iterator[str]:
    yield (
        "<p>Whatever goes wrong is answered as <code>application/problem+json</code> (RFC 9457). Its"
        " <code>type</code> is one of these.</p>"
    )
    yield "<dl>"
    for code, kind in PROBLEM_TYPES.items():
        name = f'<a href=".{address(code)}">{title(code)}</a>'
        yield f"  <dt>{name} <code>{_numbers(kind)}</code></dt><dd>{inline(kind.meaning)}</dd>"
    yield "</dl>"


def _sections(code: str, kind: ProblemType) -> Iterator[str]:
    statuses = " or ".join(f"{status} {HTTPStatus(status).phrase}" for status in kind.statuses)
    yield f"<p><code>{address(code)}</code> comes with the status {statuses}.</p>"
    yield f"<h2>What it means</h2><p>{inline(kind.meaning)}</p>"
    yield f"<h2>What to do</h2><p>{inline(kind.advice)}</p>"


def _numbers(kind: ProblemType) -> str:
    return ", ".join(map(str, kind.statuses))
