"""Two writers claim positions of a primary that dies before anybody has its claims."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from bus.log.commit import Commit, Decision
from bus.messages.values import OrderStatus
from tests.chaos.checks import positions
from tests.chaos.findings import Findings
from tests.failover.directed.connections import Connections
from tests.failover.directed.protections import CLAIM_ABOVE, IN_ORDER
from tests.failover.servers.replica_set import ReplicaSet
from tests.integration.sides import WriteSide, order_id
from tests.interleavings.protection import must, protected_by
from tests.support import messages

WAIT_S = 30.0


@protected_by(CLAIM_ABOVE)
def test_a_confirmation_stands_above_its_order_whatever_claims_were_lost(
    connections: Connections, replica_set: ReplicaSet, write: WriteSide
) -> None:
    """The slow writer's claim comes first and is not used; the quick one's is used on the next primary."""
    quick, slow = write, connections.write_side()
    mine = quick.accept(messages.place_order(order_id=order_id("c1", 1)))
    others = quick.accept(messages.place_order(order_id=order_id("c1", 2)))
    primary = replica_set.until_primary()
    replica_set.refuse_peers(primary)
    claimed, may_go_on = threading.Event(), threading.Event()
    claim_slowly, claim_quickly = slow.log._claim, quick.log._claim

    def then_wait(decisions: Sequence[Decision]) -> list[Commit]:
        commits = claim_slowly(decisions)
        claimed.set()
        assert may_go_on.wait(WAIT_S)
        return commits

    def then_lose_the_primary(decisions: Sequence[Decision]) -> list[Commit]:
        assert claimed.wait(WAIT_S)
        commits = claim_quickly(decisions)
        if primary.pid is not None:
            replica_set.replace(primary)
        return commits

    slow.log._claim = then_wait  # type: ignore[method-assign]
    quick.log._claim = then_lose_the_primary  # type: ignore[method-assign]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(slow.handling, others)
        try:
            placed = quick.handling(mine)
            confirmed = quick.do(
                messages.change_order_status(OrderStatus.CONFIRMED, order_id=order_id("c1", 1))
            )
        finally:
            may_go_on.set()
        assert waiting.result(WAIT_S) is not None
    findings = Findings()
    positions.check(quick.database, findings)

    assert placed is not None
    assert placed.seq is not None
    assert confirmed.seq is not None
    must(IN_ORDER, confirmed.seq > placed.seq, True)
    must(IN_ORDER, findings.differences, [])
