"""Each swarm of ``python -m tests.attacks``, four strong, does what it is made of against a server."""

import threading
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from api.server.server import Server
from tests.attacks import swarm as swarms
from tests.attacks.attack import Target
from tests.attacks.swarm import SWARMS, Swarm
from tests.support.waiting import until

PATIENCE_S = 20.0


def application(_environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]


@pytest.mark.parametrize("swarm", SWARMS, ids=lambda swarm: swarm.name)
def test_a_swarm_opens_its_connections_and_sends_what_it_has(
    swarm: Swarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swarms, "OPEN_OVER_S", 0.05)
    server = Server(application, "127.0.0.1", 0, threads=2)
    thread = threading.Thread(target=server.run)
    thread.start()
    turns = 0

    def is_over() -> bool:
        nonlocal turns
        turns += 1
        return turns > 20

    did: dict[str, int] = {}
    small = replace(swarm, connections=4, every_s=0.01)
    attacker = threading.Thread(target=lambda: did.update(small.run(Target(server.port, "t", "c"), is_over)))
    try:
        attacker.start()
        until(lambda: len(server._server.active_channels) == 4, PATIENCE_S, "its connections")
        attacker.join(PATIENCE_S)
    finally:
        server.stop()
        thread.join(PATIENCE_S)

    assert not attacker.is_alive()
    assert did["opened"] == 4
    assert (did.get("sends", 0) >= 4) is bool(swarm.first)
    assert (did.get("reads", 0) > 0) is (swarm.answered or swarm.name == "readers")
