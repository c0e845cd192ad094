"""A short round with every kind of fault: nothing lost, nothing doubled, nothing different."""

import json
from random import Random

import pytest

from tests.chaos.faults.table import LONG, all_faults
from tests.chaos.round import Plan, run
from tests.chaos.schedule import schedule

pytestmark = [pytest.mark.alone, pytest.mark.timeout(500)]

SEED = 20
SECONDS = 40.0
EVERY_S = 2.8


def test_nothing_is_lost_or_doubled_whatever_is_killed_stopped_or_forgotten() -> None:
    faults = all_faults()
    dues = schedule(Random(SEED), SECONDS, EVERY_S, list(faults), LONG)

    report = run(Plan(seed=SEED, seconds=SECONDS, rate=30, clients=8, faults=faults, dues=dues))

    told = json.dumps(report.document(), indent=2)
    assert report.well, told
    assert set(report.faults) == set(faults), told
