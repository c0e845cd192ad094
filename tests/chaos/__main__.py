"""``python -m tests.chaos``: a round against the running system, and what it came to, as JSON.

Exit status 1 unless nothing was lost, doubled or different and the system came back from every fault.
"""

import json
import sys
import time
from pathlib import Path
from random import Random
from typing import Annotated

import typer

from tests.chaos.faults.table import LONG, all_faults
from tests.chaos.round import Plan, run
from tests.chaos.schedule import schedule

Minutes = Annotated[float, typer.Option(min=0.1, help="How long the clients are at work.")]
Seed = Annotated[int, typer.Option(help="The same seed is the same commands and the same faults.")]
Rate = Annotated[float, typer.Option(min=1, help="Commands a second, of all clients together.")]
Clients = Annotated[int, typer.Option(min=1, max=30, help="How many clients.")]
Every = Annotated[float, typer.Option(min=0.5, help="Seconds between two faults, on average.")]
Keep = Annotated[Path | None, typer.Option(help="A folder for what the processes said.")]


def main(
    *,
    minutes: Minutes = 10,
    seed: Seed = 1,
    rate: Rate = 120,
    clients: Clients = 12,
    every: Every = 5,
    keep: Keep = None,
) -> None:
    """Kill, stop and confuse everything while commands come in, and then look what became of them."""
    began = time.monotonic()
    faults = all_faults()
    seconds = minutes * 60
    dues = schedule(Random(f"{seed} schedule"), seconds, every, list(faults), LONG)
    plan = Plan(seed=seed, seconds=seconds, rate=rate, clients=clients, faults=faults, dues=dues, keep=keep)

    def tell(line: str) -> None:
        sys.stderr.write(f"[{time.monotonic() - began:6.1f}] {line}\n")

    report = run(plan, tell)
    sys.stdout.write(json.dumps(report.document(), indent=2) + "\n")
    raise typer.Exit(0 if report.well else 1)


if __name__ == "__main__":
    typer.run(main)
