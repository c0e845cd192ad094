"""How every package's ``python -m`` ends: an error of ours is one line, not a traceback."""

import sys

import typer

from bus.errors import TwofoldError


def run_cli(app: typer.Typer) -> None:
    """Run a command line; exit status 1 and one line on stderr for what the system refuses on purpose."""
    try:
        app()
    except TwofoldError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(1)
