"""`finality api-key`: makes, lists and revokes the keys of the HTTP API."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime, timedelta

from rich import box
from rich.table import Table
from rich.text import Text

from assembly import Assembly, assembled
from domain.plain_text import plain
from domain.scopes import Scope
from settings import Settings
from store.api_keys import ApiKey, KeyRefused, NewKey
from terminal.commanding import AS_WISHED, NOTHING_RECORDED, say_refused
from terminal.screen import Screen


async def make_key(
    settings: Settings,
    tenant: str,
    name: str,
    scopes: Collection[Scope],
    accounts: Collection[tuple[str, str]],
    *,
    as_json: bool,
) -> int:
    """Make a key and print it, once. Returns the exit code."""
    async with assembled(settings) as assembly:
        if unknown := _unknown(assembly, accounts):
            known = ", ".join("/".join(each) for each in sorted(_accounts(assembly))) or "none"
            say_refused(f"--account: {unknown} is not in the settings; there: {known}")
            return NOTHING_RECORDED
        try:
            made = await assembly.api_keys.make(
                tenant, name, scopes, assembly.clock.now(), accounts=accounts
            )
        except KeyRefused as refused:
            say_refused(str(refused))
            return NOTHING_RECORDED
        _show(made, assembly.clock.now(), as_json=as_json)
    return AS_WISHED


async def replace_key(settings: Settings, key_id: str, *, overlap_hours: int, as_json: bool) -> int:
    """Make a key with the same rights, and end the old one. Returns the exit code."""
    async with assembled(settings) as assembly:
        overlap = timedelta(hours=overlap_hours)
        try:
            made = await assembly.api_keys.replace(key_id, assembly.clock.now(), overlap=overlap)
        except KeyRefused as refused:
            say_refused(str(refused))
            return NOTHING_RECORDED
        _show(made, assembly.clock.now(), as_json=as_json)
        if not as_json:
            Screen(stderr=True).print(f"Key {key_id} is accepted for {overlap_hours} hours more.")
    return AS_WISHED


async def list_keys(settings: Settings, tenant: str | None, *, as_json: bool) -> int:
    """Print the keys, the newest first."""
    async with assembled(settings) as assembly:
        found, now = await assembly.api_keys.all(tenant), assembly.clock.now()
    if as_json:
        for key in found:
            print(json.dumps(_object(key, now)))
        return AS_WISHED
    if not found:
        Screen().print("No keys. `finality api-key new --name NAME` makes one.")
        return AS_WISHED
    shown = Table(header_style="bold", box=box.SIMPLE, padding=(0, 1, 0, 0))
    for column in ("Key", "Tenant", "Name", "May", "Accounts", "Last used (UTC)", "State"):
        shown.add_column(column, overflow="fold")
    for key in found:
        shown.add_row(
            key.key_id, Text(plain(key.tenant)), Text(plain(key.name)),
            ", ".join(sorted(key.scopes)), ", ".join(sorted(map("/".join, key.accounts))),
            f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never",
            _state(key, now),
        )  # fmt: skip
    Screen().print(shown)
    return AS_WISHED


async def revoke_key(settings: Settings, key_id: str) -> int:
    """Refuse a key from now on. Returns the exit code."""
    async with assembled(settings) as assembly:
        try:
            key = await assembly.api_keys.revoke(key_id, assembly.clock.now())
        except KeyRefused as refused:
            say_refused(str(refused))
            return NOTHING_RECORDED
    Screen().print(f"Key {key.key_id} of {plain(key.name)} is refused from now on.")
    return AS_WISHED


def _accounts(assembly: Assembly) -> set[tuple[str, str]]:
    settings = assembly.settings
    return {
        (partner, account)
        for partner in settings.registrations
        for account in settings.partner_accounts(partner)
    }


def _unknown(assembly: Assembly, accounts: Collection[tuple[str, str]]) -> str:
    return ", ".join("/".join(each) for each in sorted({*accounts} - _accounts(assembly)))


def _show(made: NewKey, now: datetime, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(_object(made.key, now) | {"key": made.text}))
        return
    print(made.text)  # Alone on stdout, so that it can be put into a file.
    scopes = ", ".join(sorted(made.key.scopes))
    Screen(stderr=True).print(
        f"Key {made.key.key_id} of tenant {plain(made.key.tenant)} may: {scopes}. It is shown this "
        "once; keep it where the program finds it, and nowhere else."
    )


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is None:
        return "accepted"
    if key.is_accepted(now):
        return f"accepted until {key.revoked_at:%Y-%m-%d %H:%M}, then {key.replaced_by}"
    return f"revoked {key.revoked_at:%Y-%m-%d %H:%M}"


def _object(key: ApiKey, now: datetime) -> dict[str, object]:
    def moment(at: datetime | None) -> str | None:
        return at.isoformat() if at else None

    return {
        "key_id": key.key_id,
        "tenant": key.tenant,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "accounts": sorted(map("/".join, key.accounts)),
        "created_at": moment(key.created_at),
        "last_used_at": moment(key.last_used_at),
        "revoked_at": moment(key.revoked_at),
        "replaced_by": key.replaced_by,
        "is_accepted": key.is_accepted(now),
    }
