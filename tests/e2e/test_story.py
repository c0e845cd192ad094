"""What operators see of a running system: an order's story, all processes, and the flow."""

from typing import Any

from read_side.projections import READ_MODELS
from tests.e2e.every_request import make_known
from tests.support.system import System
from tests.support.waiting import until

PATIENCE_S = 30
OF_AN_ORDER = {"order_summary", "order_detail", "order_analytics", "product_sales", "customers"}
PROCESSES = {"web", "commands", "projections", "clock"}


def test_an_order_is_told_from_acceptance_to_the_read_models(system: System) -> None:
    known, ops = make_known(system.client("staff"), "told"), system.client("ops", "olga")

    order = ops.get(f"/ops/stories/{known.order_id}").raise_for_status().json()
    command = ops.get(f"/ops/stories/{known.command_id}").raise_for_status().json()

    [placed] = order["commands"]
    assert (placed["command_id"], placed["by"]["subject"]) == (known.command_id, "somebody")
    assert [event["type"] for commit in order["commits"] for event in commit["events"]] == ["OrderPlaced"]
    shown = {row["name"]: row["documents"] for row in order["read_models"] if row["up_to_date"]}
    assert OF_AN_ORDER <= shown.keys() <= {model.name for model in READ_MODELS} - {"products"}
    assert all(shown.values())
    assert command["commits"] == order["commits"]


def test_the_flow_shows_all_processes_and_what_they_did(system: System) -> None:
    make_known(system.client("staff"), "flowing")
    ops = system.client("ops", "olga")
    queues = {"commands", *(model.name for model in READ_MODELS)}

    def is_told() -> bool:
        flow: dict[str, Any] = ops.get("/ops/flow").raise_for_status().json()
        beating = {one["kind"] for one in flow["processes"] if one["well"]}
        lags = {row["name"]: row["lag"] for row in flow["read_models"]}
        caught_up = lags == {model.name: 0 for model in READ_MODELS}
        return flow["commands"]["succeeded"] >= 3 and beating == PROCESSES and caught_up

    until(is_told, PATIENCE_S, "what was done, in the flow")
    told = ops.get("/ops/queues").raise_for_status().json()["queues"]
    assert {queue["queue"] for queue in told} == queues
