"""``python -m read_side``: the projections' worker, and the audit of the read models."""

from typing import Annotated

import typer

from bus.cli import EXIT_STATUS, run_cli

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    epilog=EXIT_STATUS,
    help="Keeps the read models and audits them.",
)

Sample = Annotated[
    int | None, typer.Option(min=1, help="Only so many documents of each model, of one partition.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document instead of tables.")]


@app.callback()
def _read_side() -> None:
    """Keep the sub-commands' names even while there is one only."""


@app.command()
def worker() -> None:
    """Answer the read models' doorbells until SIGTERM."""
    from read_side import worker as projections_worker  # noqa: PLC0415 - --help needs no drivers

    projections_worker.main()


@app.command()
def audit(*, sample: Sample = None, as_json: AsJson = False) -> None:
    """Fold the log again and report every difference; exit status 1 if there are any."""
    from read_side import audit_report  # noqa: PLC0415 - --help needs no drivers

    raise typer.Exit(0 if audit_report.run(sample, as_json=as_json) else 1)


if __name__ == "__main__":
    run_cli(app)
