"""The tasks of a thread for a request: to answer it, or to say why the server refuses it."""

from http import HTTPStatus
from typing import Any

from waitress.task import ErrorTask, WSGITask

from api.http.problems import MEDIA_TYPE
from api.middleware.deadline import READ_AT
from api.middleware.deferral import DEFERS, RESUMED, Deferral
from api.middleware.error_handlers import of_status
from api.middleware.shedding import RETRY_AFTER_S, overloaded
from api.server import health

REFUSED_HEADERS = (("Content-Type", MEDIA_TYPE), ("Retry-After", str(RETRY_AFTER_S)))
TOO_MANY_COMMANDS = overloaded("Too many commands are waiting to be handled.").to_json()
_REFUSED = "503 Service Unavailable"
_READS = frozenset({"GET", "HEAD", "OPTIONS"})


class RefusalTask(ErrorTask):  # type: ignore[misc]  # waitress is not typed
    """A problem for what waitress refuses (400, 413, 431, 501) or could not finish (500)."""

    def execute(self) -> None:
        error = self.request.error
        self.status = f"{error.code} {HTTPStatus(error.code).phrase}"
        self.channel.server.on_refusal(error.code)
        body = of_status(error.code).to_json()
        self.response_headers += [("Content-Type", MEDIA_TYPE), *self.channel.server.headers]
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class AnswerTask(WSGITask):  # type: ignore[misc]
    """Answers an ordinary request. While the server drains, a connection's last request ends it."""

    def execute(self) -> None:
        if self._is_last():
            self.set_close_on_finish()
        backlog = self.channel.server.backlog
        is_new = deferral_of(self.request) is None
        if is_new and backlog is not None and adds_to_backlog(self.request) and backlog.is_full():
            self._shed(TOO_MANY_COMMANDS)
        else:
            super().execute()

    def write(self, data: bytes) -> None:
        """Send the head with the first of the body: a send each would wake the caller twice."""
        if self.wrote_header:
            super().write(data)
            return
        self.channel.hold()
        try:
            super().write(data)
        finally:
            self.channel.let_go()

    def get_environment(self) -> dict[str, Any]:
        environment: dict[str, Any] = super().get_environment()
        environment[READ_AT] = self.request.read_at
        environment[DEFERS] = True
        environment["REMOTE_ADDR"] = self.channel.server.addresses.caller(
            self.channel.addr[0], self.request.headers.get("X_FORWARDED_FOR", "")
        )
        if (deferral := deferral_of(self.request)) is not None:
            environment[RESUMED] = deferral
        return environment

    def _is_last(self) -> bool:
        return bool(self.channel.server.draining) and not self.channel.has_more

    def _shed(self, why: bytes) -> None:
        self.channel.server.on_refusal(HTTPStatus.SERVICE_UNAVAILABLE.value)
        self.status = _REFUSED
        self.response_headers += [*REFUSED_HEADERS, *self.channel.server.headers]
        self.content_length = len(why)
        self.complete = True  # in place of the application's start_response
        self.write(b"" if self.request.command == "HEAD" else why)

    def set_close_on_finish(self) -> None:
        """Close after this answer, if there is a reason to.

        Waitress would also close after every 204 and 304, because they lack a length. They must not
        have one.
        """
        asked = self.request.headers.get("CONNECTION", "").lower() == "close"
        if self.has_body or self.version != "1.1" or asked or self._is_last():
            super().set_close_on_finish()


def deferral_of(request: Any) -> Deferral | None:
    """Return the deferral of a request that was put aside before; ``None`` of any other."""
    found: Deferral | None = getattr(request, "deferral", None)
    return found


def adds_to_backlog(request: Any) -> bool:
    return request.command not in _READS and request.path not in health.PATHS
