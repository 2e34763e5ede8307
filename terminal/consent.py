"""`finality consents` and `finality consent`: how consents stand, their renewal and their end."""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable
from datetime import datetime, timedelta

from rich import box
from rich.table import Table
from rich.text import Text

from assembly import assembled
from domain.consents.renewing import Route, route_of
from domain.consents.states import STATES
from domain.lifecycle.resource import Certainty, UnknownResource
from domain.plain_text import plain
from settings import Settings
from starter.consents import ConsentReceipt
from store.consent_renewals import CannotRenew
from store.timeline import Entry
from terminal.cancel import user as system_user
from terminal.commanding import AS_WISHED, LEFT_TO_RELAY, NOTHING_RECORDED, or_refused, say_refused
from terminal.screen import Screen


async def list_consents(
    settings: Settings,
    tenant: str | None,
    user: str | None,
    renew_within: int | None,
    *,
    limit: int,
    as_json: bool,
) -> int:
    """Print the consents that match."""
    async with assembled(settings) as assembly:
        before = None
        if renew_within is not None:
            before = assembly.clock.now() + timedelta(days=renew_within)
        found = await assembly.consents.find(
            tenant=tenant, user_id=user, renew_before=before, limit=limit
        )
    if as_json:
        for each in found:
            print(json.dumps(as_object(each)))
    elif found:
        Screen().print(_table(found))
    else:
        Screen().print("No consents.")
    return AS_WISHED


async def show_consent(settings: Settings, consent_id: str, *, as_json: bool) -> int:
    """Print one consent with its timeline. Returns the exit code."""

    async def show() -> int:
        async with assembled(settings) as assembly:
            receipt = await assembly.consents.show(consent_id, tenant=None)
            timeline = await assembly.timelines.of(consent_id)
        if as_json:
            print(json.dumps(as_object(receipt)))
        else:
            _print(Screen(), receipt, timeline)
        return AS_WISHED

    return await _or_refused(show())


async def confirm_consent(
    settings: Settings, consent_id: str, command_id: str, *, as_json: bool
) -> int:
    """Record that the user confirmed it with us. Returns the exit code."""

    async def confirm() -> int:
        async with assembled(settings) as assembly:
            record = (await assembly.consents.show(consent_id, tenant=None)).record
            if route_of(record.consent, record.view.profile) is not Route.CONFIRM:
                raise CannotRenew(
                    f"{consent_id} is renewed at the bank, which needs the user's browser; have "
                    "the app renew it"
                )
            receipt = await assembly.consents.renew(
                consent_id,
                command_id,
                tenant=None,
                by=f"terminal/{system_user()}",
                browser_session=secrets.token_urlsafe(),
            )
        print_receipt(receipt, as_json=as_json)
        return AS_WISHED

    return await _or_refused(confirm())


async def revoke_consent(
    settings: Settings, consent_id: str, command_id: str, why: str, *, as_json: bool
) -> int:
    """Record that the consent is to end. Returns the exit code."""

    async def revoke() -> int:
        async with assembled(settings) as assembly:
            receipt = await assembly.consents.revoke(
                consent_id, command_id, tenant=None, by=f"terminal/{system_user()}", why=why
            )
        print_receipt(receipt, as_json=as_json)
        return AS_WISHED

    return await _or_refused(revoke())


async def _or_refused(doing: Awaitable[int]) -> int:
    """As `or_refused`, with the refusals of consents."""

    async def run() -> int:
        try:
            return await doing
        except UnknownResource:
            say_refused("there is no such consent; `finality consents` shows the consents")
        except CannotRenew as refused:
            say_refused(str(refused))
        return NOTHING_RECORDED

    return await or_refused(run())


def print_receipt(receipt: ConsentReceipt, *, as_json: bool) -> None:
    """Print how a consent stands, in a line."""
    if as_json:
        print(json.dumps(as_object(receipt)))
        return
    screen, shown = Screen(), receipt.display
    screen.print(f"{receipt.consent_id} is {receipt.consent.state}: {plain(shown.detail)}")
    if not receipt.is_notified:
        screen.print(LEFT_TO_RELAY.format(what="command"), style="yellow")


def _table(found: list[ConsentReceipt]) -> Table:
    shown = Table(header_style="bold", box=box.SIMPLE, padding=(0, 1, 0, 0))
    shown.add_column("Consent", no_wrap=True)
    shown.add_column("User")
    shown.add_column("Bank")
    shown.add_column("State", no_wrap=True)
    shown.add_column("May be read until", no_wrap=True)
    for each in found:
        request = each.record.request
        shown.add_row(
            each.consent_id,
            Text(plain(request.user.user_id)),
            f"{request.partner}/{request.partner_account}",
            _state(each),
            _moment(each.display.renew_by),
        )
    return shown


def _state(receipt: ConsentReceipt) -> Text:
    consent = receipt.consent
    doubt = " (in doubt)" if consent.certainty is Certainty.UNKNOWN else ""
    return Text(f"{consent.state}{doubt}", style=STATES[consent.state].colour)


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at is not None else ""


def _print(screen: Screen, receipt: ConsentReceipt, timeline: list[Entry]) -> None:
    consent, record, shown = receipt.consent, receipt.record, receipt.display
    request = record.request
    screen.print(Text.assemble((shown.headline, "bold"), f": {plain(shown.detail)}"))
    facts = Table(show_header=False, box=None, pad_edge=False)
    facts.add_row("consent", receipt.consent_id)
    facts.add_row("state", _state(receipt))
    facts.add_row("user", Text(plain(f"{request.user.user_id} of {request.tenant}")))
    facts.add_row("bank", f"{request.partner}/{request.partner_account}, {request.regime}")
    facts.add_row("asked for", ", ".join(request.permissions))
    if consent.grant.permissions is not None:
        facts.add_row("granted", ", ".join(consent.grant.permissions))
    for account in consent.grant.accounts or ():
        facts.add_row("account", Text(plain(f"{account.reference} {account.ends}".strip())))
    facts.add_row("may be read", "yes" if shown.may_read else "no")
    if shown.renew_by is not None:
        facts.add_row("renew by", _moment(shown.renew_by))
    if record.renews is not None:
        facts.add_row("renews", record.renews)
    for change in consent.changes:
        facts.add_row("changed", Text(plain(f"{_moment(change.at)}: {change.text}")))
    for note in consent.notes:
        facts.add_row("finding", Text(plain(note)))
    screen.print(facts)
    screen.print()
    lines = Table(show_header=False, box=None, pad_edge=False)
    for entry in timeline:
        times = f" (×{entry.times})" if entry.times > 1 else ""
        text = Text(plain(f"{entry.text}{times}"))
        lines.add_row(f"{entry.at:%Y-%m-%d %H:%M:%S}", entry.kind.value, text)
    screen.print(lines)


def as_object(receipt: ConsentReceipt) -> dict[str, object]:
    """The consent for programs."""
    consent, record, shown = receipt.consent, receipt.record, receipt.display
    request = record.request
    return {
        "consent_id": receipt.consent_id,
        "tenant": request.tenant,
        "key": record.key,
        "user_id": request.user.user_id,
        "partner": request.partner,
        "partner_account": request.partner_account,
        "regime": request.regime,
        "created_at": record.created_at.isoformat(),
        "state": consent.state.value,
        "certainty": consent.certainty.value,
        "may_read": shown.may_read,
        "renew_by": shown.renew_by.isoformat() if shown.renew_by else None,
        "permissions": list(consent.grant.permissions or ()),
        "accounts": [each.reference for each in consent.grant.accounts or ()],
        "per_day": consent.per_day,
        "renews": record.renews,
        "reason": consent.reason,
    }
