"""``python -m write_side``: the command worker, and the audit of the log."""

from typing import Annotated

import typer

from bus.cli import run_cli

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Decides commands and keeps the log.")

Sample = Annotated[int | None, typer.Option(min=1, help="Only the streams of so many commits drawn by lot.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document instead of tables.")]


@app.callback()
def _write_side() -> None:
    """Keep the sub-commands' names even while there is one only."""


@app.command()
def worker() -> None:
    """Handle the commands queue until SIGTERM."""
    from write_side import worker as command_worker  # noqa: PLC0415 - --help needs no drivers

    command_worker.main()


@app.command()
def audit(*, sample: Sample = None, as_json: AsJson = False) -> None:
    """Fold every stream of the log again and report every difference; exit status 1 if there are any."""
    from write_side import audit_report  # noqa: PLC0415 - --help needs no drivers

    raise typer.Exit(0 if audit_report.run(sample, as_json=as_json) else 1)


if __name__ == "__main__":
    run_cli(app)
