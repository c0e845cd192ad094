"""``python -m tests.failover``: a round on three mongods, and what it came to, as a table and as JSON.

Exit status 1 if anything was lost, doubled, different, stale or out of order, or did not come back.
"""

import json
import sys
import time
from pathlib import Path
from random import Random
from typing import Annotated

import typer
from rich.console import Console

from tests.chaos.schedule import schedule
from tests.failover.faults.table import LONG, all_faults
from tests.failover.round import Plan, run

Minutes = Annotated[float, typer.Option(min=0.5, help="How long the clients are at work.")]
Seed = Annotated[int, typer.Option(help="The same seed is the same commands and the same faults.")]
Rate = Annotated[float, typer.Option(min=1, help="Commands a second, of all clients together.")]
Clients = Annotated[int, typer.Option(min=1, max=30, help="How many clients.")]
Witnesses = Annotated[int, typer.Option(min=0, max=20, help="How many witnesses of stale reads.")]
Every = Annotated[float, typer.Option(min=5, help="Seconds between two faults, on average.")]
Sentinels = Annotated[bool, typer.Option(help="Redis with a replica and Sentinels, or one server.")]
Json = Annotated[Path | None, typer.Option("--json", help="A file for all figures.")]
Keep = Annotated[Path | None, typer.Option(help="A folder for what the processes said.")]


def main(
    *,
    minutes: Minutes = 10,
    seed: Seed = 1,
    rate: Rate = 90,
    clients: Clients = 18,
    witnesses: Witnesses = 4,
    every: Every = 13,
    sentinels: Sentinels = True,
    json_file: Json = None,
    keep: Keep = None,
) -> None:
    """Let primaries fail while commands come in, and then look what became of them."""
    began = time.monotonic()
    faults = all_faults(sentinels=sentinels)
    seconds = minutes * 60
    dues = schedule(Random(f"{seed} schedule"), seconds, every, list(faults), LONG)
    plan = Plan(
        seed=seed,
        seconds=seconds,
        rate=rate,
        clients=clients,
        witnesses=witnesses,
        faults=faults,
        dues=dues,
        sentinels=sentinels,
        keep=keep,
    )

    def tell(line: str) -> None:
        sys.stderr.write(f"[{time.monotonic() - began:6.1f}] {line}\n")

    report = run(plan, tell)
    told = json.dumps(report.document(), indent=2) + "\n"
    if json_file is None:
        sys.stdout.write(told)
    else:
        json_file.write_text(told)
    Console(stderr=True).print(report.table())
    raise typer.Exit(0 if report.well else 1)


if __name__ == "__main__":
    typer.run(main)
