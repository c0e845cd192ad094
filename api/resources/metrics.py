"""``/metrics`` in Prometheus's text format: all processes' counts and the databases' figures."""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from itertools import accumulate, product
from typing import get_args

import falcon
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from api.http import queries
from api.resources.gauges import KEPT_S, MONGODB_S, Gauges, Part
from bus.messages.outcome import CommandStatus
from bus.messages.registry import AnyCommand
from bus.observability import metrics
from bus.observability.metric_slots import Slots
from bus.observability.metrics import FAMILIES, MILLION, Counts, Family, Labels
from bus.primitives.cached import StampedePolicy
from bus.version import VERSION
from read_side.projections import READ_MODELS

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SLOTS_S = 1.5


Shown = Mapping[str, Sequence[Labels]]
"""The labels of each family that are shown from the start, at 0.

Prometheus sees no increase in a series that begins at 1.
"""


class Exposition:
    """Puts the text together, which takes as long as the parts take: some 5 s if none answers."""

    def __init__(self, slots: Slots, parts: Mapping[str, Part], *, kept_s: float = KEPT_S) -> None:
        shown = from_the_start()
        # Neither kept nor shared: no process may show less than another has shown before.
        counts = Gauges({"counts": lambda: counted(slots.total(), shown)}, limit_s=SLOTS_S)
        self._sources = (counts, Gauges(parts, limit_s=MONGODB_S, kept_s=kept_s, others=StampedePolicy.WAIT))

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics; prometheus_client calls this method of its collectors."""
        build = GaugeMetricFamily("twofold_build_info", "The version that answers.", labels=["version"])
        build.add_metric([VERSION], 1)
        yield build
        ok = GaugeMetricFamily(
            "twofold_scrape_ok",
            "Whether a part could be asked; else its figures are missing.",
            labels=["part"],
        )
        for source in self._sources:
            yield from source.collect()
            for part, well in source.ok.items():
                ok.add_metric([part], well)
        yield ok

    def text(self) -> bytes:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry)


def from_the_start() -> Shown:
    """Return the labels that are known beforehand.

    These are the kinds of commands, their possible outcomes, and the read models.
    """
    kinds = sorted(kind.model_fields["type"].default for kind in get_args(get_args(AnyCommand)[0]))
    outcomes = [status.value for status in CommandStatus if status is not CommandStatus.ACCEPTED]
    models = [(model.name,) for model in READ_MODELS]
    return {
        metrics.COMMANDS_ACCEPTED.name: [(kind,) for kind in kinds],
        metrics.COMMANDS.name: list(product(kinds, outcomes)),
        metrics.HANDLED.name: [(kind,) for kind in kinds],
        metrics.VISIBLE.name: models,
        metrics.PROJECTED.name: models,
        metrics.LEASES_LOST.name: models,
        metrics.HTTP_REFUSED.name: [(str(HTTPStatus.SERVICE_UNAVAILABLE.value),)],
        metrics.HTTP_CLOSED.name: [("gave_way",), ("per_address",)],
        metrics.RESCUES.name: [("sweep",), ("lookout",)],
        **{family.name: [()] for family in FAMILIES.values() if not family.labels},
    }


def counted(total: Counts, shown: Shown) -> Iterator[Metric]:
    """Yield the counts as metrics of prometheus_client."""
    by_family: dict[str, dict[Labels, list[int]]] = {
        name: {labels: [0] * family.width for labels in shown.get(name, ())}
        for name, family in FAMILIES.items()
    }
    for (name, labels), numbers in total.items():
        by_family[name][labels] = numbers
    for name, series in by_family.items():
        yield _family(FAMILIES[name], series)


def _family(family: Family, series: Mapping[Labels, Sequence[int]]) -> Metric:
    if not family.buckets:
        counter = CounterMetricFamily(family.name, family.help, labels=family.labels)
        for labels, (number,) in series.items():
            counter.add_metric(labels, number)
        return counter
    histogram = HistogramMetricFamily(family.name, family.help, labels=family.labels)
    bounds = [*map(str, family.buckets), "+Inf"]
    for labels, (*buckets, total) in series.items():
        histogram.add_metric(labels, list(zip(bounds, accumulate(buckets), strict=True)), total / MILLION)
    return histogram


class MetricsResource:
    """``/metrics``; for the roles ops and metrics, so a scraper sends a token."""

    produces = falcon.MEDIA_TEXT

    def __init__(self, exposition: Exposition) -> None:
        self._exposition = exposition

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        queries.read(req, queries.NoQuery)
        resp.content_type = CONTENT_TYPE
        resp.data = self._exposition.text()
