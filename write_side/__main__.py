"""``python -m write_side``: the command worker."""

import typer

from bus.cli import run_cli

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Decides commands and keeps the log.")


@app.callback()
def _write_side() -> None:
    """Keep the sub-commands' names even while there is one only."""


@app.command()
def worker() -> None:
    """Handle the commands queue until SIGTERM."""
    from write_side import worker as command_worker  # noqa: PLC0415 - --help needs no drivers

    command_worker.main()


if __name__ == "__main__":
    run_cli(app)
