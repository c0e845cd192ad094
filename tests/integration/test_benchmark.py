"""That every measurement of the benchmark runs, at a tiny size: what it measures is for ``make bench``."""

from collections.abc import Iterator

import pytest

from tests.benchmarks import sizes
from tests.benchmarks.benchmark import MEASUREMENTS, Measurement
from tests.benchmarks.cast import Cast
from tests.benchmarks.stage import Stage


@pytest.fixture(scope="module")
def cast() -> Iterator[Cast]:
    with Stage() as stage, Cast(stage, sizes.TINY) as cast:
        yield cast


@pytest.mark.parametrize("measurement", MEASUREMENTS, ids=lambda measurement: measurement.name)
def test_a_measurement_gives_its_figures(cast: Cast, measurement: Measurement) -> None:
    for figure in measurement(cast, sizes.TINY):
        assert figure.value >= 0
        assert figure.details
