"""An interleaving, run as it is and again without each protection that it is there to show.

As the code is, what must hold holds. With a protection taken out, the very same test must find broken what
that protection is for: that, and nothing else. So no test here can pass by not looking.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import pytest


class BrokenError(AssertionError):
    """Something that must hold does not; ``what`` says which."""

    def __init__(self, what: str, found: object, expected: object) -> None:
        super().__init__(f"{what}: found {found!r}, expected {expected!r}")
        self.what = what


def must(what: str, found: object, expected: object) -> None:
    """Raise ``BrokenError`` unless ``found`` is as expected."""
    if found != expected:
        raise BrokenError(what, found, expected)


@contextmanager
def at_most(times: int, owner: type, method: str, what: str) -> Iterator[None]:
    """What would go on for ever is broken at the first call too many."""
    original = getattr(owner, method)
    calls = iter(range(times))

    def counted(*args: Any, **options: Any) -> Any:
        if next(calls, None) is None:
            raise BrokenError(what, f"call {times + 1} of {method}", f"{times} at most")
        return original(*args, **options)

    with mock.patch.object(owner, method, counted):
        yield


@dataclass(frozen=True, slots=True)
class Protection:
    """Part of the code, what breaks without it, and how to do without it while a block runs."""

    name: str
    breaks: str
    taken_out: Callable[[], AbstractContextManager[object]]


def protected_by(*protections: Protection) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test once as it is, and once without each protection."""

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        def run(*, without: Protection | None, **given: Any) -> None:
            if without is None:
                test(**given)
                return
            with pytest.raises(BrokenError) as broken, without.taken_out():
                test(**given)
            assert broken.value.what == without.breaks, str(broken.value)

        signature = inspect.signature(test)
        chosen = inspect.Parameter("without", inspect.Parameter.KEYWORD_ONLY)
        run.__signature__ = signature.replace(  # type: ignore[attr-defined] # what pytest goes by
            parameters=[*signature.parameters.values(), chosen]
        )
        run.__name__, run.__module__, run.__doc__ = test.__name__, test.__module__, test.__doc__
        run.__dict__.update(test.__dict__)
        ids = ["as it is", *(f"without {protection.name}" for protection in protections)]
        in_turn: Callable[..., None] = pytest.mark.parametrize("without", [None, *protections], ids=ids)(run)
        return in_turn

    return decorate
