"""Tells of each batch of a projector.

It tells how long the commits took to be shown, and records a span for each that is traced.
"""

import time
from collections.abc import Sequence
from logging import DEBUG

from bus.log.commit import Commit
from bus.observability import metrics
from bus.observability.logs import logger
from bus.observability.metrics import Metrics
from bus.observability.tracing import Attributes, Tracing

BACKFILL_S = 3600.0
"""Seconds: nobody waits for a commit that is older than this.

A read model is being filled from the log then.
"""


class ProjectionTelemetry:
    """Tells what one process projects; it must not fail, and costs half a microsecond a commit."""

    def __init__(self, metrics: Metrics, tracing: Tracing | None = None) -> None:
        self.metrics = metrics
        self._tracing = tracing

    def projected(
        self, read_model: str, generation: int, partition: int, commits: Sequence[Commit], began: float
    ) -> None:
        """Tell that a read model shows these commits from now on.

        ``began`` is the ``time.time()`` at which their batch began.
        """
        now = time.time()
        ages = [now - commit.at.timestamp() for commit in commits if commit.stream and commit.at]
        self.metrics.observe(metrics.PROJECTED, len(commits), read_model)
        self.metrics.observe_all(metrics.VISIBLE, [age for age in ages if age < BACKFILL_S], read_model)
        if logger.is_enabled_for(DEBUG):
            logger.debug(
                "projected",
                read_model=read_model,
                generation=generation,
                partition=partition,
                first=commits[0].seq,
                last=commits[-1].seq,
                duration_ms=round((now - began) * 1000, 1),
                correlation_ids=sorted({c.correlation_id for c in commits if c.correlation_id}),
            )
        if self._tracing is not None:
            for commit in commits:
                if commit.traceparent is not None and commit.stream is not None:
                    self._record(self._tracing, read_model, generation, commit, began)

    def lease_lost(self, read_model: str) -> None:
        self.metrics.count(metrics.LEASES_LOST, read_model)

    def _record(
        self, tracing: Tracing, read_model: str, generation: int, commit: Commit, began: float
    ) -> None:
        told: Attributes = {
            "messaging.system": "dramatiq",
            "messaging.destination.name": read_model,
            "twofold.stream": str(commit.stream),
            "twofold.partition": commit.partition,
            "twofold.seq": commit.seq,
            "twofold.generation": generation,
        }
        tracing.record(f"project {read_model}", str(commit.traceparent), began, told)
