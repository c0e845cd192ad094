"""``python -m tests.benchmarks``: measure everything, or print a profile."""

from typing import Annotated

import typer
from rich.console import Console

from bus.cli import run_cli
from tests.benchmarks import profiling, sizes
from tests.benchmarks.stage import Stage
from tests.benchmarks.twofold import Twofold

app = typer.Typer(add_completion=False)


@app.command()
def main(
    *,
    quick: Annotated[bool, typer.Option("--quick")] = False,
    profile: Annotated[bool, typer.Option("--profile")] = False,
) -> None:
    size = sizes.QUICK if quick else sizes.FULL
    console = Console()
    with Stage() as stage:
        twofold = Twofold(stage.settings)
        twofold.found()
        profiling.profile(stage, twofold, size, console)
        twofold.verify()


if __name__ == "__main__":
    run_cli(app)
