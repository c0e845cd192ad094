"""``python -m read_side``: the projections' worker."""

import typer

from bus.cli import run_cli

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Keeps the read models and audits them.")


@app.callback()
def _read_side() -> None:
    """Keep the sub-commands' names even while there is one only."""


@app.command()
def worker() -> None:
    """Answer the read models' doorbells until SIGTERM."""
    from read_side import worker as projections_worker  # noqa: PLC0415 - --help needs no drivers

    projections_worker.main()


if __name__ == "__main__":
    run_cli(app)
