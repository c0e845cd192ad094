"""Both audits, as an operator runs them, and that no read model has set a stream aside."""

import json
from concurrent.futures import ThreadPoolExecutor
from subprocess import CompletedProcess
from typing import Any

from tests.chaos.cluster import Cluster
from tests.chaos.findings import Findings

TIMEOUT_S = 600.0


def check(cluster: Cluster, findings: Findings) -> None:
    """Run both; what they print is what was found."""
    with ThreadPoolExecutor(2) as pool:
        write = pool.submit(cluster.run, "write_side", "audit", "--json", timeout=TIMEOUT_S)
        read = pool.submit(cluster.run, "read_side", "audit", "--json", timeout=TIMEOUT_S)
    findings.differences += _differences("write_side", write.result())
    findings.differences += _differences("read_side", read.result())
    findings.differences += [f"parked: {parked}" for parked in cluster.read_database.parked.find()]


def _differences(side: str, run: CompletedProcess[str]) -> list[str]:
    """One line each; one at least when the audit says that there are some."""
    if run.returncode == 0:
        return []
    try:
        told: Any = json.loads(run.stdout)
    except ValueError:
        return [f"{side} audit ended with {run.returncode}: {run.stderr.strip()[-500:]}"]
    wrong = told["wrong"] if isinstance(told, dict) else [d for one in told for d in one["differences"]]
    return [f"{side} audit: {difference}" for difference in wrong] or [f"{side} audit: {run.stdout[-500:]}"]
