"""Structured logs: one event a line on stderr, JSON unless a person is looking.

A process writes its own events straight to stderr in a few microseconds, since there is a line for
every command and every request. Events of libraries go through the standard library's logging and
come out in the same shape.

Logs contain ids, never what people wrote: no names, postal addresses, tokens or bodies. The line of
a request names the caller, by the subject of the token, and the caller's IP address. Such text
could slip in with errors, since libraries quote the value that they fail on. So this module puts an
error into words (``redacted``), in a field as in a traceback, and names Dramatiq's messages by
their ids.
"""

import logging
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any, TextIO

import dramatiq
import orjson
import redis
import structlog
from pydantic import ValidationError
from pymongo.errors import BulkWriteError, OperationFailure, PyMongoError

from bus.errors import TwofoldError
from bus.primitives.printable import printable

logger: structlog.typing.FilteringBoundLogger = structlog.get_logger("twofold")

DRAMATIQ = "dramatiq"
CHATTY = (
    *(DRAMATIQ, "write_side", "read_side"),
    *("pymongo", "redis", "httpx", "httpcore", "urllib3", "opentelemetry"),
)
"""Loggers of which only warnings and worse are shown. What these libraries do is not ours to tell,
and below a warning they also quote what they carry. Those with the names of our packages are
Dramatiq's actors, which quote the arguments that they are called with."""

QUOTE_NOTHING = (
    *(TwofoldError, PyMongoError, redis.RedisError, dramatiq.errors.ConnectionClosed, OSError),
    *(ArithmeticError, AttributeError, ImportError, NameError, RuntimeError, TypeError),
)
"""Errors whose words are about servers or about code, not about what somebody wrote."""


def configure(level: str, shape: str | None = None, stream: TextIO | None = None) -> None:
    """Set up logging for this process, to stderr unless told otherwise; called once, by its main.

    ``shape`` is ``LOG_FORMAT``: ``plain`` lines are short, for people who see them through
    something that puts the time before each (honcho, journald, Docker).
    """
    out = stream or sys.stderr
    threshold = logging.getLevelNamesMapping()[level]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        _short if shape == "plain" else structlog.processors.TimeStamper(fmt="iso", utc=True),
        _errors_in_words,
    ]
    interactive = out.isatty()
    render: structlog.typing.Processor = _json
    if shape == "plain" or (shape is None and interactive):
        shared.append(_visible)  # the renderers below write values as they are, between colours of their own
    if shape == "plain":
        render = structlog.dev.ConsoleRenderer(
            colors=interactive, pad_event_to=0, pad_level=False, sort_keys=False
        )
    elif shape is None and interactive:
        render = structlog.dev.ConsoleRenderer()
    # Nothing is remembered at the first use: it costs a microsecond, and a configuration always
    # holds.
    structlog.configure(
        processors=[*shared, render],
        logger_factory=structlog.WriteLoggerFactory(out),
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.addFilter(_without_payload)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(threshold)
    for chatty in CHATTY:
        logging.getLogger(chatty).setLevel(max(logging.WARNING, threshold))
    # One warning for every request that waits for a thread, just when there are many.
    logging.getLogger("waitress.queue").setLevel(max(logging.ERROR, threshold))


def leave_out(is_told: Callable[[BaseException], bool]) -> None:
    """Leave out Dramatiq's lines about errors that another module logs once.

    Each thread of Dramatiq logs every error that it meets, some with a traceback. While a server is
    away, that goes on for ever. The filter is on the handlers, because a filter on a logger does
    not see what the logger's children log.
    """
    for handler in logging.getLogger().handlers:
        handler.addFilter(_Elsewhere(is_told))


def redacted(error: BaseException) -> str:
    """Return an error in words, without the values that it is about."""
    kind = type(error).__name__
    if isinstance(error, ValidationError):
        wrong = error.errors(include_url=False, include_context=False, include_input=False)
        return f"{kind}: " + "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['type']}" for e in wrong)
    if isinstance(error, BulkWriteError):
        codes = sorted({str(e.get("code")) for e in error.details.get("writeErrors", ())})
        return f"{kind}: codes {', '.join(codes) or 'of no write'}"
    if isinstance(error, OperationFailure):
        return f"{kind}: code {error.code}"
    # Of others, as of every ValueError, the words may quote the value; the traceback tells where it
    # was.
    return f"{kind}: {error}" if isinstance(error, QUOTE_NOTHING) else kind


def traced(error: BaseException) -> str:
    """Return a traceback that ends in ``redacted``, after the tracebacks of the error's causes."""
    return "".join(_traced(error))


def _traced(error: BaseException) -> Iterator[str]:
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if earlier is not None:
        yield from _traced(earlier)
        yield "\n"
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__)
    yield redacted(error)


def _errors_in_words(
    _logger: Any, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Put errors into words: those in fields, and the handled one if ``exc_info`` asks for it."""
    asked = event.pop("exc_info", None)
    error = asked if isinstance(asked, BaseException) else None
    if asked and error is None:
        error = (asked if isinstance(asked, tuple) else sys.exc_info())[1]
    if error is not None:
        event["exception"] = traced(error)
    for field, value in event.items():
        if isinstance(value, BaseException):
            event[field] = redacted(value)
    return event


def _without_payload(record: logging.LogRecord) -> bool:
    """Let every record pass, and name Dramatiq's messages in it by their actors and ids."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            f"{arg.actor_name} {arg.message_id}"
            if isinstance(arg, dramatiq.Message | dramatiq.broker.MessageProxy)
            else arg
            for arg in record.args
        )
    return True


def _short(_logger: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Leave out empty fields and, where nothing is wrong, the ids of requests and commands."""
    well = method in {"debug", "info"}
    return {
        field: value
        for field, value in event.items()
        if value is not None and not (well and field.endswith("_id"))
    }


def _visible(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {field: printable(value) if isinstance(value, str) else value for field, value in event.items()}


def _json(_logger: Any, _method: str, event: structlog.typing.EventDict) -> str:
    return printable(orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode())


class _Elsewhere(logging.Filter):
    def __init__(self, is_told: Callable[[BaseException], bool]) -> None:
        super().__init__()
        self._is_told = is_told

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] != DRAMATIQ:
            return True
        arguments = record.args if isinstance(record.args, tuple) else ()
        errors = [argument for argument in arguments if isinstance(argument, BaseException)]
        if record.exc_info and record.exc_info[1] is not None:
            errors.append(record.exc_info[1])
        return not any(self._is_told(error) for error in errors)
