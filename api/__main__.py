"""``python -m api``: serve the HTTP API, and make tokens for it."""

import re
from datetime import timedelta
from typing import Annotated

import typer

from api.serve import serve as serve_api
from api.tokens import sign
from bus.cli import run_cli
from bus.messages.principal import Role
from bus.settings import Settings

UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

cli = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, rich_markup_mode=None)


@cli.command()
def serve() -> None:
    """Serve the API on API_HOST and API_PORT until SIGTERM."""
    serve_api()


def duration(text: str) -> timedelta:
    """``90``, ``90s``, ``15m``, ``12h`` or ``30d``."""
    match = re.fullmatch(r"([1-9][0-9]{0,8})([smhd]?)", text)
    if match is None:
        raise typer.BadParameter("a number of seconds, or one with s, m, h or d behind it")
    return timedelta(seconds=int(match[1]) * UNITS[match[2] or "s"])


@cli.command()
def token(
    role: Annotated[Role, typer.Option(help="What the bearer may do.")],
    sub: Annotated[str, typer.Option(help="Who the bearer is: for a customer, the customer id.")],
    ttl: Annotated[
        timedelta, typer.Option(parser=duration, metavar="DURATION", help="How long it is good for.")
    ] = "30d",  # type: ignore[assignment]  # parsed like what is typed
) -> None:
    """Print a token signed with JWT_SECRET."""
    typer.echo(sign(Settings.load(), role, sub, ttl))


# Further commands of this package are registered here.


if __name__ == "__main__":
    run_cli(cli)
