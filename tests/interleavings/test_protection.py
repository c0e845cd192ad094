"""That a protection which protects nothing is found out, and so is one that protects something else."""

from contextlib import nullcontext
from unittest import mock

import pytest

from tests.interleavings.protection import BrokenError, Protection, at_most, must, protected_by

HOLDS = "it holds"


class Kept:
    def found(self) -> int:
        return 1


def _checked(protection: Protection) -> None:
    @protected_by(protection)
    def checks(kept: Kept) -> None:
        must(HOLDS, kept.found(), 1)

    checks(kept=Kept(), without=None)
    checks(kept=Kept(), without=protection)


def test_a_test_passes_when_what_it_is_about_breaks_without_its_protection() -> None:
    _checked(Protection("it", HOLDS, lambda: mock.patch.object(Kept, "found", return_value=2)))


def test_a_protection_without_which_nothing_breaks_is_found_out() -> None:
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        _checked(Protection("nothing", HOLDS, nullcontext))


def test_so_is_one_without_which_something_else_breaks() -> None:
    with pytest.raises(AssertionError, match="it holds: found 2, expected 1"):
        _checked(Protection("it", "another", lambda: mock.patch.object(Kept, "found", return_value=2)))


def test_and_one_without_which_the_test_cannot_run() -> None:
    with pytest.raises(LookupError):
        _checked(Protection("it", HOLDS, lambda: mock.patch.object(Kept, "found", side_effect=LookupError)))


def test_what_goes_on_for_ever_is_broken() -> None:
    with pytest.raises(BrokenError, match="call 3 of found"), at_most(2, Kept, "found", HOLDS):
        sum(iter(Kept().found, HOLDS))
