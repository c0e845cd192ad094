"""``python -m bus``: the local runner, the embedded servers, the clock, the queues and the dead letters."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from bus.cli import EXIT_STATUS, AsJson, run_cli
from bus.dead import cli as dead_cli

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    epilog=EXIT_STATUS,
    help="Runs Twofold here, and shows and mends what travels in it.",
)
RUN = "Run it"
LOOK = "Look into the running system"

Demo = Annotated[bool, typer.Option("--demo", help="Once ready, run a shop through the real API.")]
Exit = Annotated[bool, typer.Option("--exit", help="With --demo: stop everything when it is through.")]
Procfile = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="Other processes than those of ./Procfile.")
]


@app.command(rich_help_panel=RUN)
def run(*, demo: Demo = False, exit_after: Exit = False, procfile: Procfile = None) -> None:
    """Start the servers and every process, print how to use them, and stop all on Ctrl-C.

    PORT (8000) and DATA_DIR (.data) can be set.
    REDIS_URL, WRITE_MONGODB_URI and READ_MONGODB_URI replace the embedded servers.
    """
    from bus.local import runner  # noqa: PLC0415 - --help needs no drivers

    def shop(address: str) -> list[str]:
        return [sys.executable, "-m", "api", "demo", "--url", address]

    then = shop if demo else None
    chosen = procfile or runner.ROOT / "Procfile"
    raise typer.Exit(runner.run(then, exit_after=demo and exit_after, procfile=chosen))


@app.command(rich_help_panel=RUN)
def up() -> None:
    """Start the embedded servers alone, print the variables that lead to them, and stop them on Ctrl-C."""
    from bus.local import runner  # noqa: PLC0415 - --help needs no drivers

    raise typer.Exit(runner.up())


@app.command(rich_help_panel=RUN)
def clock() -> None:
    """Until SIGTERM: every second, deliver again what got lost on the way, and collect dead letters."""
    from bus import clock as sweeps  # noqa: PLC0415 - --help needs no drivers

    sweeps.main()


@app.command(rich_help_panel=LOOK, epilog=EXIT_STATUS)
def queues(
    *,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again and again, until Ctrl-C.")] = False,
    interval: Annotated[
        float, typer.Option(min=0.1, max=3600, metavar="SECONDS", help="Between the two looks of the rates.")
    ] = 1.0,
    explain: Annotated[
        bool, typer.Option("--explain", help="Also what each figure means, and how to see it with redis-cli.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show each queue: what waits, is in flight, delayed, dead or stranded, how old, and how fast it moves.

    With --watch and --json, one line of JSON for each look.
    """
    from bus.queues import report as queue_report  # noqa: PLC0415 - --help needs no drivers

    queue_report.run(interval, watch=watch, explain=explain, as_json=as_json)


app.add_typer(dead_cli.app, name="dead", rich_help_panel=LOOK)


if __name__ == "__main__":
    run_cli(app)
