"""Counts the connections of each address, and finds the caller behind trusted proxies."""

from collections import Counter
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address

Networks = Iterable[IPv4Network | IPv6Network]


class Addresses:
    """The addresses of the open connections.

    Only the server's own thread may use it. Any thread may call ``caller``.
    """

    def __init__(self, most: int, trusted_proxies: Networks = ()) -> None:
        """Let in ``most`` connections of one address, 0 for any number; a trusted proxy always."""
        self._most = most
        self._trusted = tuple(trusted_proxies)
        self._open: Counter[str] = Counter()

    def lets_in(self, address: str) -> bool:
        return not self._most or self._open[address] < self._most or self._is_trusted(address)

    def enter(self, address: str) -> None:
        self._open[address] += 1

    def leave(self, address: str) -> None:
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]

    def caller(self, address: str, forwarded_for: str) -> str:
        """Return the address of the caller of a request that came from ``address``.

        ``forwarded_for`` is its ``X-Forwarded-For``, which may be empty. Each proxy appends the
        address that it got the request from. So the caller is the first address from the right that
        is no trusted proxy. The caller may have written the entries to the left of it itself.
        """
        for entry in reversed(forwarded_for.split(",")):
            if not self._is_trusted(address):
                break
            try:
                address = str(ip_address(entry.strip()))
            except ValueError:
                break
        return address

    def _is_trusted(self, address: str) -> bool:
        if not self._trusted:
            return False
        parsed = ip_address(address.partition("%")[0])
        mapped = getattr(parsed, "ipv4_mapped", None)
        return any((mapped or parsed) in network for network in self._trusted)
