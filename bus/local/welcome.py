"""What the local runner tells once everything is up: the address, tokens, and a first request to copy."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from bus.errors import ServerUnavailableError

WHO = {"customer": "c1", "staff": "ann", "ops": "olga"}
TOKEN_TIMEOUT_S = 30.0


def tokens(root: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """One token per role, from ``python -m api token``; none when the key to sign them is not here."""
    if not environ.get("JWT_SECRET"):
        return {}
    made = {}
    for role, subject in WHO.items():
        command = [sys.executable, "-m", "api", "token", "--role", role, "--sub", subject]
        asked = subprocess.run(  # noqa: S603 - our own command
            command,
            cwd=root,
            env=environ,
            capture_output=True,
            text=True,
            timeout=TOKEN_TIMEOUT_S,
            check=False,
        )
        if asked.returncode != 0:
            raise ServerUnavailableError(f"python -m api token failed: {asked.stderr.strip()}")
        made[role] = asked.stdout.strip()
    return made


def show(console: Console, address: str, by_role: Mapping[str, str]) -> None:
    """Print it without wrapping, so that each line can be copied whole."""
    console.rule("Twofold is ready", style="green")
    console.print(
        f"[bold]{address}[/]   reference: {address}/docs   dashboard: {address}/ops", soft_wrap=True
    )
    console.print()
    for role, token in by_role.items():
        console.print(f"[dim]# {role} {WHO[role]}[/]", highlight=False)
        console.print(f"{role.upper()}={token}", markup=False, highlight=False, soft_wrap=True)
    if not by_role:
        console.print("Tokens come from whoever holds the key to JWT_PUBLIC_KEY or JWT_JWKS_URL.")
    console.print()
    console.print("[dim]# a first command[/]")
    staff = by_role.get("staff", "$STAFF")
    console.print(first_request(address, staff), markup=False, highlight=False, soft_wrap=True)
    console.rule("Ctrl-C stops everything", style="green")


def first_request(address: str, staff_token: str) -> str:
    return (
        f'curl -i {address}/customers -H "Authorization: Bearer {staff_token}"'
        " -H 'Content-Type: application/json' -H 'Prefer: wait=5'"
        """ -d '{"customer_id": "c1", "name": "Ada Lovelace", "email": "ada@example.com"}'"""
    )
