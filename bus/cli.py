"""The common part of every ``python -m``: how it ends, and how it writes for people and scripts.

An expected error is one line, not a traceback. Drivers are imported when they are needed:
``--help`` needs none.
"""

import re
import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from typer.core import TyperArgument, TyperOption

from bus.errors import TwofoldError
from bus.primitives.printable import printable

EXIT_STATUS = "Exit status: 0 done; 1 refused, not found, or a server cannot be reached; 2 wrong usage."
"""The last line of each help text."""

AsJson = Annotated[bool, typer.Option("--json", help="JSON for scripts instead of tables.")]


def run_cli(app: typer.Typer) -> None:
    """Run a command line.

    It ends with exit status 1 and one line on stderr if the system refuses something on purpose, or
    if a server cannot be reached.
    """
    # Typer shows a type for everything, <bool> for a flag. Here what an option takes is its
    # metavar, and no more.
    TyperOption.display_type = TyperArgument.display_type = _no_type  # type: ignore[assignment,method-assign]
    try:
        app()
    except TwofoldError as error:
        _end(str(error))
    except Exception as error:
        variable = _variable_of(error)
        if variable is None:
            raise
        first, *_ = re.split(r",| [(]configured", str(error))  # pymongo adds its options and all it knows
        _end(f"{variable}: a server cannot be reached: {first}")


def to_json(value: Any) -> str:
    """Return one line of JSON.

    Times are in RFC 3339 and UTC. Bytes, and all else that JSON does not have, are text.
    """
    import orjson  # noqa: PLC0415 - --help needs none

    text = orjson.dumps(value, default=_as_text, option=orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC).decode()
    return printable(text)


def write_json(value: Any) -> None:
    """Write ``to_json`` of a value on stdout at once, so that a pipe's reader need not wait."""
    sys.stdout.write(to_json(value) + "\n")
    sys.stdout.flush()


def moment(at: datetime | None) -> str:
    """Return a time as tables show it: UTC, to the second."""
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _no_type(_parameter: object, ctx: object) -> str:
    del ctx
    return ""


def _as_text(value: Any) -> str:
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)


def _variable_of(error: Exception) -> str | None:
    """Return the variable that names the server of a driver's error; ``None`` for others."""
    import redis  # noqa: PLC0415 - only once something went wrong: --help needs no drivers
    from pymongo.errors import PyMongoError  # noqa: PLC0415

    if isinstance(error, redis.RedisError):
        return "REDIS_URL"
    return "WRITE_MONGODB_URI or READ_MONGODB_URI" if isinstance(error, PyMongoError) else None


def _end(message: str) -> None:
    sys.stderr.write(f"error: {printable(message)}\n")
    sys.exit(1)
