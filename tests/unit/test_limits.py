"""What a caller is waited for and how long, and whom a proxy speaks for."""

from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any

import pytest

from api.server.addresses import Addresses
from api.server.limits import Awaited, Limits, awaited_from

PROXIES = tuple(map(ip_network, ("10.0.0.0/8", "::1")))


def channel(**state: Any) -> SimpleNamespace:
    """A connection that has sent nothing, but for what is said of it."""
    silent = {"total_outbufs_len": 0, "requests": [], "has_unparsed": False, "request": None}
    return SimpleNamespace(**{**silent, "last_activity": 1.0, **state})


def request(*, headers_finished: bool, body: int = 0) -> SimpleNamespace:
    return SimpleNamespace(headers_finished=headers_finished, body_bytes_received=body)


def test_nothing_is_owed_while_a_request_is_unanswered() -> None:
    half = request(headers_finished=False)
    assert awaited_from(channel(requests=[object()], request=half)) is None
    assert awaited_from(channel(has_unparsed=True)) is None


def test_a_debt_changes_when_the_caller_pays() -> None:
    half = request(headers_finished=False)
    begun = awaited_from(channel(request=half))
    assert begun == awaited_from(channel(request=half, last_activity=2.0)), (
        "a byte of a head is no step forward"
    )
    half.headers_finished = True
    changes = [
        (awaited_from(channel()), awaited_from(channel(last_activity=2.0))),
        (begun, awaited_from(channel(request=half))),
        (begun, awaited_from(channel(request=request(headers_finished=False)))),
        (awaited_from(channel(total_outbufs_len=2)), awaited_from(channel(total_outbufs_len=1))),
    ]
    for before, after in changes:
        assert before != after


def test_each_debt_has_its_time_and_a_body_more_for_what_it_has_sent() -> None:
    limits = Limits()
    assert limits.seconds_for(Awaited.READING, None) == limits.output_s
    assert limits.seconds_for(Awaited.REQUEST, None) == limits.idle_s
    assert limits.seconds_for(Awaited.REST, request(headers_finished=False)) == limits.head_s
    assert limits.seconds_for(Awaited.REST, request(headers_finished=True)) == limits.body_s
    sent = request(headers_finished=True, body=80 * 1024)
    assert limits.seconds_for(Awaited.REST, sent) == limits.body_s + 10


@pytest.mark.parametrize(
    ("address", "forwarded_for", "caller"),
    [
        ("192.0.2.1", "198.51.100.1", "192.0.2.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("::1", "2001:db8::1", "2001:db8::1"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, 10.9.9.9", "198.51.100.1"),
        ("10.0.0.1", "10.8.8.8,10.9.9.9", "10.8.8.8"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, unknown", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9, <script>, 10.9.9.9", "10.9.9.9"),
    ],
)
def test_the_caller_is_the_last_that_is_no_trusted_proxy(
    address: str, forwarded_for: str, caller: str
) -> None:
    assert Addresses(200, PROXIES).caller(address, forwarded_for) == caller
    assert Addresses(200).caller(address, forwarded_for) == address


def test_an_address_has_its_share_and_gets_it_back() -> None:
    addresses = Addresses(2)
    for _ in range(2):
        assert addresses.lets_in("192.0.2.1")
        addresses.enter("192.0.2.1")
    assert not addresses.lets_in("192.0.2.1")
    assert addresses.lets_in("192.0.2.2")
    addresses.leave("192.0.2.1")
    assert addresses.lets_in("192.0.2.1")


def test_no_cap_is_for_anybody() -> None:
    addresses = Addresses(0)
    for _ in range(1_000):
        addresses.enter("192.0.2.1")
    assert addresses.lets_in("192.0.2.1")
