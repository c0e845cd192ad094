"""``/metrics`` of a system, read as Prometheus reads it."""

from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing

from prometheus_client.parser import text_string_to_metric_families

from tests.support.system import System


class Scrape:
    """One answer of ``/metrics``."""

    def __init__(self, system: System) -> None:
        with closing(system.client("ops")) as client:
            answer = client.get("/metrics")
        assert answer.status_code == 200
        self.by_name: defaultdict[str, list[tuple[Mapping[str, str], float]]] = defaultdict(list)
        for family in text_string_to_metric_families(answer.text):
            for sample in family.samples:
                self.by_name[sample.name].append((sample.labels, sample.value))

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out, as is what MongoDB was too slow for."""
        return all(value for _, value in self.by_name["twofold_scrape_ok"])

    def sum(self, name: str, **labels: str) -> float:
        found = self._found(name, labels)
        assert found, (name, labels)
        return sum(found)

    def so_far(self, name: str, **labels: str) -> float:
        """The sum; 0 if nothing is there yet."""
        return sum(self._found(name, labels))

    def _found(self, name: str, labels: Mapping[str, str]) -> list[float]:
        return [value for has, value in self.by_name[name] if labels.items() <= has.items()]

    def counts(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """What may never go down."""
        return {
            (name, frozenset(labels.items())): value
            for name, samples in self.by_name.items()
            if name.endswith(("_total", "_bucket", "_count", "_sum"))
            for labels, value in samples
        }
