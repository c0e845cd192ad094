"""Reads a request as waitress does, and refuses what a proxy in front may have read in another way.

Whoever could have a proxy and this server disagree about where a request ends, or for whom it is, could
slip a request past the proxy (request smuggling). RFC 9112, sections 3.2 and 6.3, has such a request
refused with a 400, and the connection closed.
"""

from waitress.parser import HTTPRequestParser, ParsingError

_HOST, _LENGTH, _CODING = b"\nhost:", b"\ncontent-length:", b"\ntransfer-encoding:"
"""Waitress has refused a space before the colon by the time these are counted."""


class Parser(HTTPRequestParser):  # type: ignore[misc]  # waitress is not typed
    """One request; it has one ``Host``, and one length at most."""

    command = ""
    """Until the head has been read."""

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        head = header_plus.lower()
        hosts, codings = head.count(_HOST), head.count(_CODING)
        if head.count(_LENGTH) + codings > 1:
            raise ParsingError("A request has one length at most")
        if self.version in ("", "1.0"):
            if codings:
                raise ParsingError("HTTP/1.0 has no Transfer-Encoding")
            if hosts > 1:
                raise ParsingError("A request has one Host at most")
        elif hosts != 1:
            raise ParsingError("A request has one Host")
