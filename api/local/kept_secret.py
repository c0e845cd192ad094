"""Secrets that the local runner makes at its first start and keeps in files of their own."""

import secrets
from pathlib import Path

OWNER_ONLY = 0o600
BYTES = 32


def kept_secret(path: Path) -> str:
    """Return a random secret, the same at every start, so that tokens and addresses stay valid.

    Only the owner can read the file. Its 64 hexadecimal digits need no escape in an address, and
    mongod takes them as a key file.
    """
    path.touch(mode=OWNER_ONLY)
    path.chmod(OWNER_ONLY)
    secret = path.read_text().strip()
    if not secret:
        secret = secrets.token_hex(BYTES)
        path.write_text(secret)
    return secret
