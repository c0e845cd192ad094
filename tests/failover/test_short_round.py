"""A short round on three mongods: nothing lost, doubled, different, stale or out of order."""

import json

import pytest

from tests.chaos.schedule import Due
from tests.failover.faults.table import KILLED_PRIMARY, all_faults
from tests.failover.round import Plan, run

pytestmark = [pytest.mark.alone, pytest.mark.timeout(400)]

KINDS = (KILLED_PRIMARY, "kill commands", "cut primary from peers", "step down", "kill redis")
"""One after the other, as soon as all is well again."""


def test_nothing_is_lost_or_stale_whatever_becomes_of_the_primary() -> None:
    plan = Plan(
        seed=20,
        seconds=0.0,  # as long as the faults take
        rate=15,
        clients=6,
        witnesses=2,
        faults={kind: made for kind, made in all_faults(sentinels=False).items() if kind in KINDS},
        sentinels=False,
        dues=[Due(1.0 + number, kind) for number, kind in enumerate(KINDS)],
    )

    report = run(plan)

    told = json.dumps(report.document(), indent=2)
    assert report.well, told
    assert set(report.books.faults) == set(KINDS), told
