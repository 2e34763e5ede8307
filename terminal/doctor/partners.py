"""Checks of the partner accounts in the settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from assembly import Assembly
from settings import PartnerAccount
from terminal.doctor.findings import Examined

_NO_LOGIN: Final = (
    "see that `finality up` runs, or that base_url, login_id and api_key of the settings are right"
)


async def partners(assembly: Assembly) -> AsyncIterator[Examined]:
    """Whether each account can be talked to."""
    if not assembly.partners:
        yield Examined(
            "partners", "none in the settings", "run `finality up`, or set FINALITY_CURRENCYCLOUD"
        )
    for partner, name in assembly.partners:
        yield await _partner(assembly, partner, name)


async def _partner(assembly: Assembly, partner: str, name: str) -> Examined:
    account = assembly.settings.partner_accounts(partner)[name]
    what = f"partner {partner}/{name}"
    if refused := await assembly.logins[partner].refused(account.login):
        why, at = refused
        return Examined(
            what,
            f"login refused at {at:%Y-%m-%d %H:%M} UTC: {why}",
            "correct the credentials, or `finality doctor --retry-logins` to try them once",
        )
    simulated = ", simulated" if account.simulated else ""
    not_ready = await assembly.partners[partner, name].ready()
    login = "logged in" if not_ready is None else f"no login: {not_ready.why}"
    return Examined(
        what,
        f"{account.base_url}{simulated}, {login}, {_webhooks(account)}",
        "" if not_ready is None else _NO_LOGIN,
    )


async def retry_logins(assembly: Assembly) -> AsyncIterator[Examined]:
    """Allow one more login where the partner refused one."""
    for partner, name in assembly.partners:
        account = assembly.settings.partner_accounts(partner)[name]
        if await assembly.logins[partner].forget(account.login):
            yield Examined("retry logins", f"one more login is allowed for {partner}/{name}")


def _webhooks(account: PartnerAccount) -> str:
    """Whether deliveries can be proven. Without that all is well, and later."""
    if account.webhooks is None:
        return "no webhook secret: payments are read on a back-off only"
    count = len(account.webhooks.secrets)
    rotating = f", {count} of them: remove the old one once nothing comes with it" * (count > 1)
    return f"webhook secret set{rotating}"
