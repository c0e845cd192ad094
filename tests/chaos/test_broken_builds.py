"""The harness can fail: it finds what is lost and doubled by builds that are broken on purpose.

Each is the real process with one protection taken out, hit where that protection is needed. That nothing is
found in the build as it is, whatever hits it, is the short round's to show.
"""

import json
from collections.abc import Mapping

import pytest

from tests.chaos.cluster import ENTRIES
from tests.chaos.faults.deliveries import flush_redis
from tests.chaos.faults.fault import Fault
from tests.chaos.faults.kills import crash
from tests.chaos.faults.stalls import overtake
from tests.chaos.points import CLAIMED, FOLDED
from tests.chaos.report import Report
from tests.chaos.round import Plan, run
from tests.chaos.schedule import Due

pytestmark = pytest.mark.timeout(500)

ONE_OF_EACH = {"web": 1, "commands": 1, "projections": 1, "clock": 1}
LEASE_MS = 2_000


def broken(
    kind: str, module: str, faults: Mapping[str, Fault], dues: list[Due], *, processes: int = 1
) -> tuple[Report, str]:
    """A round against a build that is broken in one kind of process, of which there are so many."""
    plan = Plan(
        seed=1,
        seconds=0.0,  # as long as the faults take
        rate=40,
        clients=8,
        faults=faults,
        dues=dues,
        scale={**ONE_OF_EACH, kind: processes},
        entries={**ENTRIES, kind: f"tests.chaos.broken.{module}"},
        settings={"LEASE_MS": str(LEASE_MS)},
        quiet_s=60.0,
    )
    report = run(plan)
    return report, json.dumps(report.document(), indent=2)


def test_a_checkpoint_that_moves_before_the_documents_is_found() -> None:
    faults = {"crash": crash("projections", (FOLDED,), about="order_detail")}
    dues = [Due(1.0, "crash"), Due(1.5, "crash"), Due(2.0, "crash")]

    report, told = broken("projections", "checkpoint_first", faults, dues)

    assert report.faults["crash projections"] > 0, told
    assert any("order_detail" in line for line in report.findings.differences), told


def test_a_stalled_runner_that_nothing_keeps_from_writing_is_found() -> None:
    faults = {"overtake": overtake("customers")}

    report, told = broken("projections", "unguarded", faults, [Due(1.0, "overtake")], processes=2)

    assert report.faults["overtake customers"] > 0, told
    assert any("customers" in line for line in report.findings.differences), told


def test_a_command_that_is_finished_before_it_is_in_the_log_is_found() -> None:
    faults = {"crash": crash("commands", (CLAIMED,)), "flush": flush_redis}
    dues = [Due(1.0, "crash"), Due(2.5, "crash"), Due(4.0, "flush")]

    report, told = broken("commands", "finished_first", faults, dues)

    assert report.faults["crash commands"] > 0, told
    assert any("not in the log" in line for line in report.findings.lost), told
