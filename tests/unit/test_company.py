"""Handlers beside each other, and one that has the process to itself."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from tests.waiting import until
from write_side import company as company_module
from write_side.company import Company
from write_side.errors import BusyError

PATIENCE_S = 20


def test_many_are_together() -> None:
    company = Company()
    with company.together(), company.together(), company.together():
        pass


def test_one_alone_waits_for_those_before_it_and_keeps_out_those_behind_it() -> None:
    company, leave, order = Company(), Event(), list[str]()

    def first() -> None:
        with company.together():
            leave.wait(PATIENCE_S)
            order.append("first")

    def suspect() -> None:
        with company.alone():
            assert company._together == 0
            order.append("suspect")

    def behind() -> None:
        with company.together():
            order.append("behind")

    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(first)]
        until(lambda: company._together, PATIENCE_S, "the first is in")
        futures.append(pool.submit(suspect))
        until(lambda: company._wanting, PATIENCE_S, "the suspect waits")
        futures.append(pool.submit(behind))
        leave.set()
        for future in futures:
            future.result(PATIENCE_S)
    assert order == ["first", "suspect", "behind"]


def test_waits_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(company_module, "PATIENCE_S", 0.01)
    company = Company()
    with company.together(), pytest.raises(BusyError), company.alone():
        raise AssertionError("it is not alone")
    with company.alone():
        with pytest.raises(BusyError), company.together():
            raise AssertionError("somebody is alone")
        with pytest.raises(BusyError), company.alone():
            raise AssertionError("somebody else is alone")
    with company.together():
        pass


def test_who_raises_leaves_too() -> None:
    company = Company()
    for enter in (company.together, company.alone):
        with pytest.raises(KeyError), enter():
            raise KeyError
    with company.alone():
        pass
