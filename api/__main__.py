"""``python -m api``: run everything here, serve the HTTP API, and be its client."""

import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from bus.cli import EXIT_STATUS, AsJson, run_cli
from bus.messages.principal import Role

UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    epilog=EXIT_STATUS,
    help="Runs Twofold here, serves the HTTP API, and is a client of it.",
)
RUN = "Run it"
ASK = "Use it"


Demo = Annotated[bool, typer.Option("--demo", help="Once ready, run a shop through the real API.")]
Exit = Annotated[bool, typer.Option("--exit", help="With --demo: stop everything when it is through.")]
Procfile = Annotated[
    Path | None,
    typer.Option(
        exists=True, dir_okay=False, metavar="FILE", help="Other processes than those of ./Procfile."
    ),
]


@cli.command(rich_help_panel=RUN)
def run(*, demo: Demo = False, exit_after: Exit = False, procfile: Procfile = None) -> None:
    """Start the servers and every process, print how to use them, and stop all on Ctrl-C.

    PORT (8000) and DATA_DIR (.data) can be set.
    REDIS_URL, WRITE_MONGODB_URI and READ_MONGODB_URI replace the embedded servers.
    """
    from api.local import runner  # noqa: PLC0415 - --help needs no drivers

    def shop(address: str) -> list[str]:
        return [sys.executable, "-m", "api", "demo", "--url", address]

    then = shop if demo else None
    chosen = procfile or runner.PROCFILE
    raise typer.Exit(runner.run(then, exit_after=demo and exit_after, procfile=chosen))


@cli.command(rich_help_panel=RUN)
def up() -> None:
    """Start the embedded servers alone, print the variables for them, and stop them on Ctrl-C."""
    from api.local import runner  # noqa: PLC0415 - --help needs no drivers

    raise typer.Exit(runner.up())


@cli.command(rich_help_panel=RUN)
def serve() -> None:
    """Serve the API on API_HOST and API_PORT until SIGTERM."""
    from api.server.serve import serve as serve_api  # noqa: PLC0415 - --help needs no drivers

    serve_api()


def duration(text: str) -> timedelta:
    """Parse ``90``, ``90s``, ``15m``, ``12h`` or ``30d``; without a unit it is in seconds."""
    match = re.fullmatch(r"([1-9][0-9]{0,8})([smhd]?)", text)
    if match is None:
        raise typer.BadParameter("a number of seconds, or one with s, m, h or d behind it")
    return timedelta(seconds=int(match[1]) * UNITS[match[2] or "s"])


@cli.command(rich_help_panel=ASK, epilog=EXIT_STATUS)
def token(
    role: Annotated[Role, typer.Option(metavar="|".join(Role), help="What the bearer may do.")],
    sub: Annotated[
        str, typer.Option(metavar="NAME", help="Who the bearer is: for a customer, the customer id.")
    ],
    ttl: Annotated[
        timedelta | None,
        typer.Option(
            parser=duration,
            metavar="DURATION",
            help="How long it is good for: 90s, 15m, 7d; at most JWT_MAX_LIFETIME_S, and 12h if not given.",
        ),
    ] = None,
) -> None:
    """Print a token signed with JWT_SECRET."""
    from api.tokens import sign  # noqa: PLC0415 - --help needs no drivers
    from bus.settings import Settings  # noqa: PLC0415

    typer.echo(sign(Settings.for_command_line(), role, sub, ttl))


@cli.command(rich_help_panel=ASK, epilog=EXIT_STATUS)
def deny(  # noqa: PLR0913 - each is an option
    subject: Annotated[
        str | None, typer.Argument(metavar="SUBJECT", help="Whose tokens: for a customer, the customer id.")
    ] = None,
    *,
    role: Annotated[
        Role | None, typer.Option(metavar="|".join(Role), help="Only of this role; of every if not given.")
    ] = None,
    before: Annotated[
        datetime | None,
        typer.Option(metavar="TIME", help="Only what was issued until then, in UTC; now if not given."),
    ] = None,
    lift: Annotated[bool, typer.Option("--lift", help="Have them taken again instead.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="Show whose tokens are refused.")] = False,
    as_json: AsJson = False,
) -> None:
    """Deny the tokens that were issued until now; every API process refuses them within seconds.

    Tokens that are issued later are taken.
    A token that does not say when it was issued is refused until --lift.
    """
    if listed == (subject is not None) or (listed and (lift or role or before)):
        raise typer.BadParameter("give either a subject or --list")
    if lift and before:
        raise typer.BadParameter("--before does not go with --lift")
    from api import denying  # noqa: PLC0415 - --help needs no drivers

    if subject is None:
        denying.show(as_json=as_json)
    elif lift:
        denying.lift(subject, role)
    else:
        denying.deny(subject, role, before and before.replace(tzinfo=UTC))


Url = Annotated[
    str | None,
    typer.Option(metavar="URL", help="The running API; http://127.0.0.1:$API_PORT if not given."),
]


@cli.command(
    "import",
    rich_help_panel=ASK,
    epilog="Exit status: 0 nothing was refused; 1 something was, or it did not go through; 2 wrong usage.",
)
def import_(  # noqa: PLR0913 - what one may say
    *,
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="CSV files, or JSON lines.")],
    mapping: Annotated[
        Path, typer.Option(metavar="MAPPING", help="The TOML file that says what their columns are.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be refused, and send nothing.")
    ] = False,
    refused: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Also write what is refused to this file.")
    ] = None,
    parallel: Annotated[
        int, typer.Option(min=1, max=64, metavar="N", help="How many requests are sent at a time.")
    ] = 8,
    url: Url = None,
) -> None:
    """Send a shop's history through the running API; a second run changes nothing.

    docs/importing.md describes the mapping. Refused rows are listed, and the other rows go on.
    """
    from api.importing import command  # noqa: PLC0415 - --help needs no drivers

    sound = command.run(files, mapping, url=url, dry_run=dry_run, parallel=parallel, refused=refused)
    raise typer.Exit(0 if sound else 1)


@cli.command(rich_help_panel=ASK, epilog="Exit status: 0 all went well; 1 something did not; 2 wrong usage.")
def demo(
    url: Url = None,
    orders: Annotated[
        int, typer.Option(min=1, max=10_000, metavar="N", help="How many orders to place.")
    ] = 200,
) -> None:
    """Run a shop through the running API, then show what each read model says of it."""
    from api.demo import command  # noqa: PLC0415 - --help needs no drivers

    raise typer.Exit(0 if command.demo(url, orders) else 1)


@cli.command(rich_help_panel=ASK)
def openapi() -> None:
    """Print the description of the API, which is also at /openapi.json."""
    from api.openapi import command  # noqa: PLC0415 - --help needs no drivers

    typer.echo(command.text())


def main() -> None:
    """Run the command line; ``python -m api`` and the script ``twofold-api`` call this."""
    run_cli(cli)


if __name__ == "__main__":
    main()
