"""ETags of single resources, ``"v<version>.<generation>.<position>"``, and conditions with them.

The version alone says which state of the aggregate a caller has seen. Generation and position make
the tag change whenever the answer does, also by a rename or a rebuild (RFC 9110, sections 8.8.3 and
13.1). At one position, answers may still differ in the events of parked streams. So the tag also
says if something is missing and since when, and if the document was mended. It also says if the
document was read strongly, and so is whole.
"""

import hashlib
import re

from api.http.problems import malformed

MAX_VERSION = 2**63 - 1  # what BSON can hold
_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_OURS = re.compile(r'(?:W/)?"v([0-9]{1,19})(?:\.[\x21\x23-\x7e]*)?"')


def of_resource(version: int, generation: int, position: int, *also: str) -> str:
    return f'"{".".join((f"v{version}.{generation}.{position}", *also))}"'


def of_bytes(body: bytes) -> str:
    """Return the ETag of a body that has no version: its hash."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def expected_versions(if_match: str | None) -> tuple[int, ...] | None:
    """Return the versions that an ``If-Match`` allows; ``None`` allows any, an empty tuple none.

    A tag that a proxy made weak counts as the tag it was: only its version is compared. A tag that
    was not given out here is no error, and matches nothing.

    Raises:
        ProblemError: 400, the header is not a list of entity tags.

    """
    if if_match is None or if_match.strip() == "*":
        return None
    versions = [int(tag[1]) for tag in map(_OURS.fullmatch, _tags(if_match)) if tag]
    return tuple(dict.fromkeys(version for version in versions if version <= MAX_VERSION))


def is_known(if_none_match: str | None, etag: str) -> bool:
    """Return True if the caller has this already.

    The comparison is weak. A header that cannot be read is ignored.
    """
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    return etag in (tag.removeprefix("W/") for tag in re.findall(_TAG, if_none_match))


def _tags(header: str) -> list[str]:
    tags = re.findall(_TAG, header)
    if not tags or re.sub(_TAG, "", header).strip(" \t,"):
        raise malformed("header", 'If-Match takes entity tags such as "v3", or *.')
    return tags
