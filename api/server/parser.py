"""Reads a request as waitress does, and refuses what a proxy in front may have read in another way.

If a proxy and this server disagreed about where a request ends, or for which host it is, a caller
could slip a request past the proxy (request smuggling). RFC 9112, sections 3.2 and 6.3, demands
that a server refuse such a request with a 400 and close the connection.
"""

from waitress.parser import HTTPRequestParser, ParsingError

_HOST, _LENGTH, _CODING = b"\nhost:", b"\ncontent-length:", b"\ntransfer-encoding:"
"""The headers that are counted. Before that, waitress has refused a space before the colon."""


class Parser(HTTPRequestParser):  # type: ignore[misc]  # waitress is not typed
    """One request; it must have one ``Host``, and one length at most."""

    command = ""
    """The method; empty until the head has been read."""

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
