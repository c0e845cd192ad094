"""Money, rates and prices of lines: exact, and refused where they cannot be."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.importing.conversions import Conversions, flag, half_up, line_price
from api.importing.mapping import ImportMapping, Source
from api.importing.rehearsal import MOVES
from write_side.domain import orders

ANY = Source(column="x")
AMOUNTS = st.integers(0, 10**9)
QUANTITIES = st.integers(1, 10**6)


def conversions(**options: object) -> Conversions:
    nobody = {"customer_id": "x", "name": "x"}
    return Conversions(ImportMapping.model_validate({"name": "n", "customers": nobody, **options}))


@given(AMOUNTS)
def test_money_is_exact(amount: int) -> None:
    read = conversions()
    assert read.money(ANY, f"{amount // 100}.{amount % 100:02}") == amount
    assert read.money(ANY, f"{amount // 100:,}.{amount % 100:02}") == amount
    assert conversions(decimals=0).money(ANY, str(amount)) == amount


@pytest.mark.parametrize(
    ("text", "options", "amount"),
    [
        ("14", {}, 1400),
        ("14.5", {}, 1450),
        ("-0.50", {}, -50),
        ("1.234,56", {"decimal_mark": ","}, 123_456),
        ("14,5", {"decimal_mark": ","}, 1450),
        ("1400", {"decimals": 0}, 1400),
        ("1.234", {"decimals": 3}, 1234),
        ("1.5e2", {}, 15_000),
    ],
)
def test_money_is_read_as_it_is_written(text: str, options: dict[str, object], amount: int) -> None:
    assert conversions(**options).money(ANY, text) == amount


@pytest.mark.parametrize("text", ["", "1,5", "1,00,000", "1.234,56", "0x10", "1_000", "NaN", "Infinity", "٣"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no number"):
        conversions().money(ANY, text)


def test_a_part_of_a_cent_is_refused_or_rounded() -> None:
    with pytest.raises(ValueError, match="more than 2 decimals"):
        conversions().money(ANY, "0.125")
    assert conversions().money(Source(column="x", round=True), "0.125") == 13


@pytest.mark.parametrize(
    ("text", "rate"), [("0.15", "0.15"), ("15%", "0.15"), ("1", "1"), ("12.5 %", "0.125")]
)
def test_rates(text: str, rate: str) -> None:
    assert conversions().rate(text) == Decimal(rate)


@pytest.mark.parametrize("text", ["15", "-0.1", "101%"])
def test_a_rate_is_from_0_to_1(text: str) -> None:
    with pytest.raises(ValueError, match="is no rate"):
        conversions().rate(text)


def test_yes_and_no() -> None:
    assert [flag(text) for text in ("1", "TRUE", "y", "0", "No", "false")] == [True] * 3 + [False] * 3


@given(QUANTITIES, AMOUNTS, st.one_of(st.none(), st.decimals(0, 1, places=2)))
def test_a_line_with_a_total_comes_to_exactly_that(quantity: int, total: int, rate: Decimal | None) -> None:
    unit_price, discount = line_price(quantity, None, total, rate)
    assert unit_price is not None
    assert discount >= 0
    assert quantity * unit_price - discount == total


@given(QUANTITIES, AMOUNTS, st.decimals(0, 1, places=2))
def test_a_rate_takes_off_its_part(quantity: int, unit_price: int, rate: Decimal) -> None:
    same, discount = line_price(quantity, unit_price, None, rate)
    assert same == unit_price
    assert abs(discount - quantity * unit_price * rate) <= Decimal("0.5")


def test_what_a_line_has_not_stays_away() -> None:
    assert line_price(2, None, None, None) == (None, 0)
    assert line_price(2, 500, None, None) == (500, 0)
    assert line_price(2, 500, 900, None) == (500, 100)
    with pytest.raises(ValueError, match="for a quantity of 0"):
        line_price(0, None, 900, None)


def test_half_a_cent_goes_up() -> None:
    assert [half_up(Decimal(text)) for text in ("0.5", "1.5", "2.49", "-0.5")] == [1, 2, 2, -1]


def test_the_life_of_an_order_is_that_of_the_write_side() -> None:
    assert {status: set(moves) for status, moves in MOVES.items()} == {
        status: set(moves) for status, moves in orders.MOVES.items()
    }
