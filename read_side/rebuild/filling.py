"""Fills one partition of new generations from the log.

It is the projector's own loop, with larger batches. It runs under the lease of the partition,
guards each write by the document's position, and writes documents before the checkpoint. So
whatever is true of the projector is true here: a crash in the middle repeats a batch and changes
nothing, and if two processes believe that they hold the lease, one of them stops. A fill that was
killed is resumed where it stands.

Several read models are filled side by side, a thread for each, from one reading of the log
(``read_side.rebuild.shared_scan``). While one thread waits for MongoDB, another one folds.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol

from bus.connections.clients import read_database, write_database
from bus.log.log import Log
from bus.log.view import LogSlice
from bus.settings import Settings
from read_side.errors import RebuildStoppedError
from read_side.generations.registry import Registry
from read_side.parked.parking import Parking
from read_side.projections import by_name
from read_side.projections.model import ReadModel
from read_side.projector.catch_up import End
from read_side.projector.checkpoints import Checkpoints
from read_side.projector.context import ProjectionContext
from read_side.projector.gaps import Gaps
from read_side.projector.projector import Projector
from read_side.rebuild.shared_scan import Member, SharedScan

STRETCH = 2_000
"""The most commits that are read, folded and written at once.

With most orders they are 2 MB, and some 20 MB in Python.
"""
STRETCH_BYTES = 4 * 2**20
"""The bytes of commits at which one read ends; 150 orders of 200 lines reach them."""
TICK_S = 0.2
HELD_S = 0.1
STALLED_S = 60.0
"""A fill gives up a partition whose lease somebody else keeps for so many seconds."""

Target = tuple[str, int]
"""A read model's name and the number of its generation."""


class Fill(Protocol):
    """Brings a generation up to the head of every partition."""

    def __call__(self, model: ReadModel, generation: int, tick: Callable[[], None]) -> None:
        """Return when every partition was drained once; ``tick`` is called often and may raise."""


def builder() -> str:
    """Return the name of this process in the leases of a rebuild."""
    return f"rebuild {socket.gethostname()}:{os.getpid()}"


def fill_partition(context: ProjectionContext, model: ReadModel, generation: int, partition: int) -> None:
    """Bring one partition up to its head; return early only if the process stops.

    Raises:
        RebuildStoppedError: somebody else keeps the partition for ``STALLED_S``.

    """
    projector = Projector(context)
    patience = time.monotonic() + STALLED_S
    while not context.stopping.is_set():
        run = projector.run(model, generation, partition)
        match run.end:
            case End.DRAINED:
                return
            case End.GAP:
                context.stopping.wait(run.wait_s + 0.001)
            case End.HELD:  # by the processes of a rebuild that was killed, until their leases run out
                if time.monotonic() > patience:
                    raise RebuildStoppedError(f"{model.name}.g{generation}/{partition} is held by somebody")
                context.stopping.wait(HELD_S)
            case End.STOPPED:
                return


def fill_together(context: ProjectionContext, targets: Sequence[Target], partition: int) -> None:
    """Bring one partition of several read models up to its head, each by ``fill_partition``."""

    def read(after: int) -> LogSlice:
        return context.log.read_within(partition, after, STRETCH, STRETCH_BYTES)

    def fill(target: Target, member: Member) -> None:
        name, generation = target
        with member:
            fill_partition(replace(context, read=member.read), by_name(name), generation, partition)

    with (
        SharedScan(read, len(targets), context.stopping) as scan,
        ThreadPoolExecutor(len(targets), thread_name_prefix="fill") as threads,
    ):
        for _ in threads.map(fill, targets, scan.members):
            pass


def projection_context(settings: Settings, stopping: threading.Event, owner: str) -> ProjectionContext:
    """Return the context that a fill works with; its connections are its own."""
    writes, reads = write_database(settings), read_database(settings)
    log = Log(writes, settings.log_partitions)
    return ProjectionContext(
        log=log,
        registry=Registry(reads),
        checkpoints=Checkpoints(reads, settings.lease_ms),
        parking=Parking(reads),
        gaps=Gaps(log, settings.hole_grace_ms),
        owner=owner,
        announce=lambda _moved: None,  # nobody reads from it yet
        stopping=stopping,
        read=log.read,
    )
