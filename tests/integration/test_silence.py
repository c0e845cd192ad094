"""A run that goes on keeps the bell silent for itself, and never for another generation."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import redis

from bus.connections import redis_client
from bus.doorbells import Doorbells
from bus.settings import Settings
from read_side.silence import MarkSilence

BELL = ("products", 0)


@dataclass
class Run:
    """A run's silence, and a bell that others ring."""

    client: redis.Redis
    generations: int = 1

    def __post_init__(self) -> None:
        self.bells = Doorbells(self.client)
        self.silence = MarkSilence(self.bells, *BELL, is_alone=lambda: self.generations == 1)

    def rings(self) -> bool:
        return self.bells.ring([BELL]) == 1


@pytest.fixture
def run(settings: Settings) -> Iterator[Run]:
    with redis_client(settings) as client:
        yield Run(client)


def test_who_would_ring_need_not_while_the_run_goes_on(run: Run) -> None:
    run.silence.keep()
    assert not run.rings()
    assert run.silence.end(), "it has to look once more"
    assert run.rings()
    assert not run.silence.end()


def test_one_that_kept_no_silence_need_not_look_again(run: Run) -> None:
    assert not run.silence.end()


def test_the_bell_is_heard_again_as_soon_as_there_is_another_generation(run: Run) -> None:
    """Under load the run of the one that was alone may not end before the other one is waited for."""
    run.silence.keep()
    assert not run.rings()
    run.generations = 2
    run.silence.keep()
    assert run.rings(), "the other generation is not projected"
    run.bells.answer(*BELL)
    run.silence.keep()
    assert run.rings()
    run.bells.answer(*BELL)
    run.generations = 1
    run.silence.keep()
    assert not run.rings()
