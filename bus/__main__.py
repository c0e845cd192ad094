"""``python -m bus``: the local runner, the embedded servers, and the clock."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from bus.cli import run_cli

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Runs Twofold and what travels in it.")

Demo = Annotated[bool, typer.Option("--demo", help="Once ready, run a shop through the real API.")]
Exit = Annotated[bool, typer.Option("--exit", help="With --demo: stop everything when it is through.")]
Procfile = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="Other processes than those of ./Procfile.")
]


@app.command()
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


@app.command()
def up() -> None:
    """Start the embedded servers alone, print the variables that lead to them, and stop them on Ctrl-C."""
    from bus.local import runner  # noqa: PLC0415 - --help needs no drivers

    raise typer.Exit(runner.up())


@app.command()
def clock() -> None:
    """Deliver again, every second, what was accepted and got lost on the way; until SIGTERM."""
    from bus import clock as sweeps  # noqa: PLC0415 - --help needs no drivers

    sweeps.main()


if __name__ == "__main__":
    run_cli(app)
