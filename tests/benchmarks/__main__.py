"""``python -m tests.benchmarks``: measure, and print a table; or print a profile.

Exit status 1 if a figure could not be had. A goal that is not met is told, and is no error.
"""

import json
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bus.cli import run_cli
from tests.benchmarks import benchmark, profiling, report, sizes
from tests.benchmarks.builds import Revision
from tests.benchmarks.cast import Cast
from tests.benchmarks.figures import Failure
from tests.benchmarks.stage import Stage

app = typer.Typer(add_completion=False, help="Measure Twofold against its yardsticks, all in one run.")
WIDTH = 140
"""Of the table in a file or a pipe."""
EVERY = (*benchmark.MEASUREMENTS, *benchmark.AGAINST)
NAMES = ", ".join(measurement.name for measurement in EVERY)

Quick = Annotated[bool, typer.Option("--quick", help="Shorter rounds and smaller logs: below 5 minutes.")]
File = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write all figures there as well.")]
Only = Annotated[list[str] | None, typer.Option("--only", metavar="NAME", help=f"Only these of: {NAMES}.")]
Against = Annotated[
    str | None,
    typer.Option("--against", metavar="REV", help="Measure that revision of git's too, turn by turn."),
]
Profile = Annotated[
    bool,
    typer.Option("--profile", help="Instead: processor time per command by component, and by function."),
]


@app.command()
def main(
    *,
    quick: Quick = False,
    json_file: File = None,
    only: Only = None,
    against: Against = None,
    profile: Profile = False,
) -> None:
    size = sizes.QUICK if quick else sizes.FULL
    revision = _revision(against)
    chosen = _chosen(only, revision)
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    with Stage() as stage, Cast(stage, size, revision) as cast:
        if profile:
            profiling.profile(cast, size, console)
            return
        with console.status("starting") as status:

            def starting(name: str) -> None:
                status.update(f"measuring: {name}")
                if not console.is_terminal:  # who reads a file or a pipe sees no status
                    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {name}\n")

            results = list(benchmark.run(cast, size, chosen, starting))
    console.print(report.table(results))
    failures = [result for result in results if isinstance(result, Failure)]
    for failure in failures:
        console.print(f"[red]{failure.name} failed[/]", failure.why, sep="\n", markup=True, highlight=False)
    if json_file is not None:
        told = report.as_json(results, "quick" if quick else "full")
        told["against"] = revision.name if revision else None
        json_file.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    raise typer.Exit(1 if failures else 0)


def _chosen(only: list[str] | None, revision: Revision | None) -> list[benchmark.Measurement]:
    unknown = set(only or ()) - {measurement.name for measurement in EVERY}
    if unknown:
        raise typer.BadParameter(f"no measurement is named {', '.join(sorted(unknown))}; there are {NAMES}")
    if revision is None and set(only or ()) & {measurement.name for measurement in benchmark.AGAINST}:
        raise typer.BadParameter("name the other revision with --against")
    possible = EVERY if revision else benchmark.MEASUREMENTS
    return [each for each in possible if not only or each.name in only]


def _revision(against: str | None) -> Revision | None:
    if against is None:
        return None
    try:
        return Revision.parse(against)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


if __name__ == "__main__":
    run_cli(app)
