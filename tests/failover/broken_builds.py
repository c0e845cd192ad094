"""The harness can fail: it finds what builds that are broken on purpose do when a primary is lost.

Each is the real process with one protection taken out, under the fault that the protection is for. That
nothing is found in the build as it is, is the short round's to show. ``make failover-broken`` runs them. They
take minutes, and a round may be over before the order is broken in it; ``tests/failover/directed`` takes the
same protections out one by one, where nothing depends on chance.
"""

import json
from collections.abc import Mapping

import pytest

from tests.chaos.schedule import Due
from tests.failover.faults import directed
from tests.failover.faults.fault import Act, alone, mongo_is_well
from tests.failover.report import Report
from tests.failover.round import Plan, run

pytestmark = pytest.mark.timeout(400)


def broken(act: Act, entries: Mapping[str, str]) -> tuple[Report, str]:
    """A round against a build of which some kinds of processes are broken, under one fault."""
    plan = Plan(
        seed=1,
        seconds=20.0,  # some commands must come after the fault
        rate=30,
        clients=16,
        witnesses=2,
        faults={"aimed": alone("aimed", mongo_is_well, act)},
        dues=[Due(3.0, "aimed")],
        sentinels=False,
        elects=False,
        scale={"web": 2, "commands": 2, "projections": 1, "clock": 1},
        entries={kind: f"tests.failover.broken.{module}" for kind, module in entries.items()},
        settings={
            "SWEEP_AFTER_MS": "500",
            "LEASE_MS": "2000",
            "LOG_PARTITIONS": "1",
            "HOLE_GRACE_MS": "8000",
        },
        quiet_s=30.0,
    )
    report = run(plan)
    return report, json.dumps(report.document(), indent=2)


def test_a_claim_that_is_not_above_what_was_read_is_found() -> None:
    report, told = broken(directed.lose_claims, {"commands": "counter_alone"})

    # A version below an earlier one, or an order below its customer, whichever was decided next.
    assert report.violations["positions"], told


def test_a_command_that_was_decided_before_it_was_durable_is_found() -> None:
    entries = {"commands": "local_inbox", "clock": "local_sweep", "web": "inbox_alone"}
    report, told = broken(directed.decide_what_is_lost, entries)

    assert report.violations["one decision"], told


def test_a_strong_read_that_goes_by_a_majority_alone_is_found() -> None:
    report, told = broken(directed.leave_one_beside, {"web": "by_majority"})

    assert report.violations["strong reads"], told
