"""Each swarm of ``python -m tests.attacks``, four strong, does what it is made of against a server."""

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from api.server.server import Server
from tests.attacks import swarm as swarms
from tests.attacks.attack import Target
from tests.attacks.swarm import SWARMS, Swarm

PATIENCE_S = 20.0


def application(_environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]


@pytest.mark.parametrize("swarm", SWARMS, ids=lambda swarm: swarm.name)
def test_a_swarm_opens_its_connections_and_sends_what_it_has(
    swarm: Swarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swarms, "OPEN_OVER_S", 0.05)
    did: Counter[str] = Counter()
    reads = swarm.answered or swarm.name == "readers"
    server = Server(application, "127.0.0.1", 0, threads=2)
    thread = threading.Thread(target=server.run)
    thread.start()
    turns = 0
    are_connected = False
    given_up = threading.Event()

    def is_over() -> bool:
        """After some turns, and not before the server has come to accept them and to answer."""
        nonlocal turns, are_connected
        turns += 1
        are_connected |= len(server._server.active_channels) == 4
        has_done_it = turns > 20 and are_connected and (not reads or did["reads"] > 0)
        return has_done_it or given_up.is_set()

    small = replace(swarm, connections=4, every_s=0.05)  # what waits for a slow server fits its buffers
    attacker = threading.Thread(target=small.run, args=(Target(server.port, "t", "c"), is_over, did))
    try:
        attacker.start()
        attacker.join(PATIENCE_S)
    finally:
        given_up.set()
        attacker.join(PATIENCE_S)
        server.stop()
        thread.join(PATIENCE_S)

    assert not attacker.is_alive()
    assert are_connected
    assert did["opened"] == 4
    assert (did["sends"] >= 4) is bool(swarm.first)
    assert (did["reads"] > 0) is reads
