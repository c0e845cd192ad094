"""Content negotiation (RFC 9110, section 12.5.1).

A caller that does not accept JSON is told so before anything is done.
"""

from http import HTTPStatus
from typing import Any

import falcon

from api.http.problems import ProblemError
from api.middleware.error_handlers import of_status


class Negotiation:
    """Middleware: 406 where ``Accept`` excludes what a resource produces.

    A resource that answers with something else than JSON says so in ``produces``. Nothing is
    negotiated if the resource is open to all: probes ask for whatever their makers thought of.
    """

    def process_resource(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        resource: object,
        params: dict[str, Any],  # noqa: ARG002 - Falcon's signature
    ) -> None:
        if getattr(req.context, "principal", None) is None:
            return
        resp.append_header("Vary", "Accept")
        produced: str = getattr(resource, "produces", falcon.MEDIA_JSON)
        if not _accepts(req, produced):
            detail = f"What is here is {produced}, which the Accept header excludes."
            raise ProblemError(of_status(HTTPStatus.NOT_ACCEPTABLE, detail))


def _accepts(req: falcon.Request, produced: str) -> bool:
    """Return True if ``Accept`` takes what is produced.

    ``req.client_accepts`` minds upper and lower case, which is wrong (RFC 9110, 8.3.1).
    """
    try:
        return falcon.mediatypes.quality(produced, req.accept.lower()) > 0
    except ValueError:  # the header cannot be read
        return False
