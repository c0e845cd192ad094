"""Structured logs: one event a line, JSON unless a person is looking."""

import logging
import sys
from collections.abc import Callable

import structlog

logger = structlog.stdlib.get_logger("twofold")

DRAMATIQ = "dramatiq"


def configure(level: str) -> None:
    """Set up logging for this process; called once, by its main."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    interactive = sys.stderr.isatty()
    render: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if interactive else structlog.processors.JSONRenderer()
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for chatty in (DRAMATIQ, "pymongo", "httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
    # One warning for every request that waits for a thread, just when there are many.
    logging.getLogger("waitress.queue").setLevel(max(logging.ERROR, root.level))


def leave_out(told: Callable[[BaseException], bool]) -> None:
    """Leave out what Dramatiq says about errors that are told elsewhere, once.

    Each of its threads logs every error that it meets, some with a traceback: while a server is away, for
    ever. The filter sits on the handlers, as a logger's own does not see what its children log.
    """
    for handler in logging.getLogger().handlers:
        handler.addFilter(_Elsewhere(told))


class _Elsewhere(logging.Filter):
    def __init__(self, told: Callable[[BaseException], bool]) -> None:
        super().__init__()
        self._told = told

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] != DRAMATIQ:
            return True
        arguments = record.args if isinstance(record.args, tuple) else ()
        errors = [argument for argument in arguments if isinstance(argument, BaseException)]
        if record.exc_info and record.exc_info[1] is not None:
            errors.append(record.exc_info[1])
        return not any(self._told(error) for error in errors)
