"""Tells the user once everything is up: the address, tokens, and a first request to copy."""

from collections.abc import Mapping

from rich.text import Text

from api.tokens import sign
from bus.messages.principal import Role
from bus.settings import Settings
from bus.terminal import Terminal

WHO = {Role.CUSTOMER: "c1", Role.STAFF: "ann", Role.OPS: "olga"}


def tokens(settings: Settings) -> dict[Role, str]:
    """Return one token per role; none if only somebody else can sign them."""
    if settings.jwt_public_key or settings.jwt_jwks_url:
        return {}
    return {role: sign(settings, role, subject) for role, subject in WHO.items()}


def show(console: Terminal, address: str, by_role: Mapping[Role, str]) -> None:
    """Print the welcome without wrapping, so that each line can be copied whole."""
    console.rule("Twofold is ready", style="green")
    where = Text.assemble((address, "bold"), f"   reference: {address}/docs   dashboard: {address}/ops")
    console.print(where, soft_wrap=True)
    console.print()
    for role, token in by_role.items():
        console.print(f"# {role} {WHO[role]}", style="dim", highlight=False)
        console.print(f"{role.upper()}={token}", highlight=False, soft_wrap=True)
    if by_role:
        again = f"python -m api token --role staff --sub {WHO[Role.STAFF]}"
        console.print(f"# another, once these have expired: {again}", style="dim", highlight=False)
    else:
        console.print("Tokens come from whoever holds the key to JWT_PUBLIC_KEY or JWT_JWKS_URL.")
    console.print()
    console.print("# a first command", style="dim")
    staff = by_role.get(Role.STAFF, "$STAFF")
    console.print(first_request(address, staff), highlight=False, soft_wrap=True)
    console.rule("Ctrl-C stops everything", style="green")


def first_request(address: str, staff_token: str) -> str:
    return (
        f'curl -i {address}/customers -H "Authorization: Bearer {staff_token}"'
        " -H 'Content-Type: application/json' -H 'Prefer: wait=5'"
        """ -d '{"customer_id": "c1", "name": "Ada Lovelace", "email": "ada@example.com"}'"""
    )
