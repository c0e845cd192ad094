"""How every package's ``python -m`` ends: what is to be expected is one line, not a traceback."""

import re
import sys

import typer

from bus.errors import TwofoldError


def run_cli(app: typer.Typer) -> None:
    """Run a command line.

    Exit status 1 and one line on stderr for what the system refuses on purpose, and for a server that cannot
    be reached.
    """
    try:
        app()
    except TwofoldError as error:
        _end(str(error))
    except Exception as error:
        if not _is_unreachable(error):
            raise
        first, *_ = re.split(r",| [(]configured", str(error))  # pymongo adds its options and all it knows
        _end(f"a server cannot be reached: {first}")


def _is_unreachable(error: Exception) -> bool:
    import redis  # noqa: PLC0415 - only once something went wrong: --help needs no drivers
    from pymongo.errors import PyMongoError  # noqa: PLC0415

    return isinstance(error, PyMongoError | redis.RedisError)


def _end(message: str) -> None:
    sys.stderr.write(f"error: {message}\n")
    sys.exit(1)
