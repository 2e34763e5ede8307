"""Checks of the partner accounts in the settings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

from assembly import Assembly
from domain.clock import Clock
from domain.lifecycle.answers import Unanswered
from partners.interface import PaymentPartner
from partners.kit.account import PartnerAccount
from terminal.doctor.findings import Examined

#: The currency of the balance that is asked for.
_CURRENCY: Final = "EUR"
#: If a login by another process takes longer, that process has died.
_LOGIN_PATIENCE: Final = timedelta(seconds=20)
_LOGIN_LOOK_SECONDS: Final = 0.5
_NO_ANSWER: Final = (
    "check that this machine reaches the partner, and ask the partner whether it is up; its "
    "payments wait, and ask it again by themselves"
)
_NO_LOGIN: Final = (
    "check the account's address and credentials in the settings; a simulator answers while "
    "`finality up` runs"
)


async def partners(assembly: Assembly) -> AsyncIterator[Examined]:
    """Whether each partner account answers."""
    if not assembly.partners:
        yield Examined(
            "partners",
            "none in the settings",
            f"run `finality up`, or add {_sections(assembly)} to finality.toml",
        )
    for partner, name in assembly.partners:
        yield await _partner(assembly, partner, name)


def _sections(assembly: Assembly) -> str:
    """The sections of the settings file that could have an account."""
    return " or ".join(f"[partners.{name}.ACCOUNT]" for name in assembly.settings.registrations)


async def _partner(assembly: Assembly, partner: str, name: str) -> Examined:
    account = assembly.settings.partner_accounts(partner)[name]
    adapter = assembly.partners[partner, name]
    what = f"partner {partner}/{name}"
    if refused := await assembly.logins[partner].refused(adapter.login):
        why, at = refused
        return Examined(
            what,
            f"login refused at {at:%Y-%m-%d %H:%M} UTC: {why}",
            "correct the credentials, or run `finality doctor --retry-logins` to try them once",
        )
    simulated = ", simulated" if account.simulated else ""
    answer, remedy = await _asked(adapter, assembly.clock)
    return Examined(what, f"{account.base_url}{simulated}, {answer}, {_webhooks(account)}", remedy)


async def _asked(partner: PaymentPartner, clock: Clock) -> tuple[str, str]:
    """The result of a real request with our login, and the remedy if there was no answer.

    An old token proves nothing about now, so a balance is read, which every login may do.
    """
    patience = clock.now() + _LOGIN_PATIENCE
    while (not_ready := await partner.ready()) is not None:
        if not_ready.needs_person or not not_ready.is_shared or clock.now() >= patience:
            return f"no login: {not_ready.why}", _NO_LOGIN
        await asyncio.sleep(_LOGIN_LOOK_SECONDS)  # Another process is logging in for all.
    available = await partner.available(_CURRENCY, None)
    if isinstance(available, Unanswered) and available.never:
        return f"logged in; {available.why}", ""
    if isinstance(available, Unanswered):
        return f"logged in, but it does not show a balance: {available.why}", _NO_ANSWER
    return "logged in, answers", ""


async def retry_logins(assembly: Assembly) -> AsyncIterator[Examined]:
    """Allow one more login for each account whose login the partner refused."""
    for (partner, name), adapter in assembly.partners.items():
        if await assembly.logins[partner].forget(adapter.login):
            yield Examined("retry logins", f"one more login is allowed for {partner}/{name}")


def _webhooks(account: PartnerAccount) -> str:
    """Whether webhooks can be verified. Without them payments still work, but news comes later."""
    count = len(account.webhook_secrets)
    if not count:
        return "no webhook secret: changes are found by reads alone, so later"
    if count > 1:
        return f"{count} webhook secrets set: remove the old one once no delivery uses it"
    return "webhook secret set"
