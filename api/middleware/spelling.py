"""A route answers to one spelling of its path, so that no other one gets around a proxy's rules.

Waitress decodes a path and strips slashes at its beginning before it is routed. So ``//orders``,
``/%6frders`` and ``/orders%2Fo1`` would be ``/orders`` and ``/orders/o1``, which a rule of a proxy
does not see. An id in a path may be escaped: clients escape ``@`` and ``|`` there, as they should.
"""

from collections.abc import Mapping
from typing import Any


def is_own(template: str, path: str, environ: Mapping[str, Any]) -> bool:
    """Return True if a request for a route was sent as the route is written, but for its ids.

    ``path`` is the decoded one. A test client that sets no ``REQUEST_URI`` has sent nothing else.
    """
    sent = environ.get("REQUEST_URI", path).partition("?")[0]
    if sent == path:
        return True
    if not sent.startswith("/"):  # absolute-form, as proxies may send it (RFC 9112, section 3.2.2)
        sent = f"/{sent.partition('://')[2].partition('/')[2]}"
    ours, theirs = template.split("/"), sent.split("/")
    return (
        "#" not in sent
        and len(ours) == len(theirs)
        and all(our == their or our.startswith("{") for our, their in zip(ours, theirs, strict=True))
    )
