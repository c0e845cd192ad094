"""What an attack is, and its target: the system that the measure has started, on this machine alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Target:
    """The API under attack: its port on 127.0.0.1, and a token of each kind of caller."""

    port: int
    staff: str
    customer: str


class Attack(Protocol):
    """One way to take the API from others. It runs in a process of its own, so it must be picklable."""

    @property
    def name(self) -> str:
        """In one word, as ``--only`` takes it."""

    @property
    def title(self) -> str:
        """In the table."""

    @property
    def settings(self) -> Mapping[str, str]:
        """Variables that the system under attack has beside its own, such as a limit."""

    def run(self, target: Target, is_over: Callable[[], bool]) -> Mapping[str, int]:
        """Attack until ``is_over``, which is to be asked once a second at least; return what was done."""
