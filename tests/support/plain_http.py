"""What tests' HTTP clients need no time for: their servers are on this machine and speak no TLS."""

import ssl

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Without the certificates of the machine, which httpx else reads for each client: 40 ms of a processor."""
