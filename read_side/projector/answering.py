"""Answers a doorbell: every generation of the read model that this process projects catches up.

A generation that takes part in the joint pass of the partition (``read_side.projector.runner``)
belongs to the runner, which is told to look. Every other generation gets a run of its own, here and
now. After a run that has drained the log the runner is told, as the generation may take part from
then on.

The live generation comes first, so that those beside it do not delay it. If one fails, the others
still have their runs, unless a server is away. The failure is kept with its checkpoint. The
generation is tried again after a growing pause (``read_side.projector.pauses``), and bells that
ring meanwhile leave it alone.

Bells do not multiply. For each partition and reason (a held lease, a gap, another version's
generation, a failure) at most one bell is delayed, under an id that says so
(``Broker.enqueue_later``). The bell of a failure has the id of the retry that follows from the
error raised here (``bus.queue.retries``). And nothing is missed. If a lease or a pause keeps a bell
from a run, another bell for the partition is delayed and has not been answered yet. A worker
answers that later bell, and reads the log then. When the fault is over, its partition is caught up
after the pause, or with a bell of another process. The watchdog replaces a bell that is lost (Redis
was wiped). A bell in the hand of a worker that was killed is given back within 20 s.

Generations of other versions of the code are left to the processes that have that version. Their
bells come over the same queue. So a process that answers a bell and finds such a generation behind
rings again for the others. That ends when nobody has projected the generation for a minute.

A run goes on for as long as there is something new, which under load is always. So when there are
more generations and partitions than threads, runs take turns.
"""

import time
from typing import Protocol

from bus.log.log import Log
from bus.notify.doorbells import Doorbells, bell
from bus.observability.logs import logger
from bus.observability.outages import server_away
from bus.queue.broker import Broker
from bus.queue.retries import retry_id
from read_side.generations.registry import Registry
from read_side.projections.model import ReadModel
from read_side.projector.catch_up import End, Run
from read_side.projector.checkpoints import Checkpoints
from read_side.projector.pauses import Pauses
from read_side.projector.projector import Projector

TURN_S = 0.25
AGAIN_MS = 200
"""Milliseconds after which the handler rings again for a process with another version."""


class RunnersProtocol(Protocol):
    """The part of ``read_side.projector.runners`` that a handler uses."""

    def hold(self, name: str, generation: int, partition: int) -> bool:
        """Return True if a runner takes in the log for a generation; if so, it looks now."""

    def poke(self, partition: int) -> None:
        """Tell the runner of a partition that there may be something to take."""


class Continuation:
    """Lets a run go on while its generation is projected here and it is not another run's turn."""

    def __init__(
        self, registry: Registry, models: tuple[ReadModel, ...], partitions: int, threads: int
    ) -> None:
        self._registry = registry
        self._models = {model.name: model for model in models}
        self._at_a_time = threads // partitions

    def __call__(self, name: str, generation: int, began: float) -> bool:
        if generation not in self._registry.projected(self._models[name]):
            return False
        return not self._is_crowded() or time.monotonic() - began < TURN_S

    def _is_crowded(self) -> bool:
        generations = sum(len(self._registry.projected(model)) for model in self._models.values())
        return generations > self._at_a_time


class DoorbellHandler:
    """Answers the doorbells of one read model."""

    def __init__(  # noqa: PLR0913 - its collaborators, wired in the main
        self,
        model: ReadModel,
        *,
        projector: Projector,
        registry: Registry,
        checkpoints: Checkpoints,
        log: Log,
        broker: Broker,
        doorbells: Doorbells,
        runners: RunnersProtocol,
        lease_ms: int,
    ) -> None:
        self._model = model
        self._projector = projector
        self._registry = registry
        self._checkpoints = checkpoints
        self._log = log
        self._broker = broker
        self._doorbells = doorbells
        self._runners = runners
        self._lease_ms = lease_ms
        self._pauses = Pauses()

    def __call__(self, partition: int) -> None:
        name = self._model.name
        self._doorbells.answer(name, partition)
        runs, errors = [], []
        for generation in self._registry.projected(self._model):
            place = generation, partition
            if self._runners.hold(name, generation, partition):
                continue
            if left_ms := self._pauses.left_ms(place):
                self._try_later(partition, left_ms)
                continue
            try:
                run = self._projector.run(self._model, generation, partition)
            except Exception as error:  # noqa: BLE001 - raised below, once the others have had their turn
                errors.append(error)
                self._pauses.failed(place, error)
                if server_away(error):  # which says nothing about the run, and is told once for all
                    break
                self._checkpoints.note_error(name, generation, partition, repr(error))
                logger.error("a run failed", read_model=name, generation=generation, error=error)
            else:
                runs.append(run)
                if run.end is not End.HELD:  # by somebody who may fail as well
                    self._pauses.end(place)
        for run in runs:
            self._look_again(partition, run)
        self._ring_for_others(partition)
        if errors:
            raise errors[0]

    def _look_again(self, partition: int, run: Run) -> None:
        """Ring, or poke the runner, for what a run has left."""
        match run.end:
            case End.DRAINED:
                self._runners.poke(partition)
            case End.HELD:
                # Its holder looks again before it leaves; if it was killed, the lease must run out.
                self._ring_later(partition, self._lease_ms, "held")
            case End.GAP:
                self._ring_later(partition, int(run.wait_s * 1000) + 1, "hole")
            case End.STOPPED:
                self._doorbells.ring([(self._model.name, partition)])

    def _ring_later(self, partition: int, wait_ms: int, why: str) -> None:
        name = self._model.name
        self._broker.enqueue_later(bell(name, partition), wait_ms, f"{name}:{partition}:{why}")

    def _try_later(self, partition: int, wait_ms: int) -> None:
        again = bell(self._model.name, partition)
        self._broker.enqueue_later(again, wait_ms, retry_id(again))

    def _ring_for_others(self, partition: int) -> None:
        name = self._model.name
        for generation in self._registry.entry(name).foreign(self._model.version):
            position = self._checkpoints.position(name, generation, partition)
            if position < self._log.head(partition) and self._checkpoints.is_followed_by_others(
                name, generation, partition
            ):
                self._ring_later(partition, AGAIN_MS, "others")
