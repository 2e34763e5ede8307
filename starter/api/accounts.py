"""Which account of ours a caller may pay from or collect through.

A caller of one tenant must never reach an account of another. So a credit transfer goes from a
debtor account that the settings map for that tenant, as a file does, or through an account that the
key names. There is no default account.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from domain.accounts import Account
from domain.lifecycle.profile import Profile
from starter.api.bodies import CollectionBody, PaymentBody
from starter.api.problems import FieldError, invalid
from starter.files.plan import DebtorAccount, plain_number
from store.api_keys import ApiKey


class Payer(Protocol):
    """Who orders: an API key, or another team behind a door of its own."""

    @property
    def tenant(self) -> str: ...

    @property
    def accounts(self) -> frozenset[tuple[str, str]]:
        """Partner accounts it may use besides those of its tenant's debtors."""


class Through(NamedTuple):
    """An account of ours with a partner."""

    partner: str
    account: str
    on_behalf_of: str | None = None


def paying(body: PaymentBody, key: Payer, debtors: Mapping[str, DebtorAccount]) -> Through:
    """The account that pays.

    Raises:
        Problem: the debtor account is not mapped for the tenant, or pays in another currency, and
            the key names no account that fits.
    """
    named = (body.partner, body.partner_account)
    if debtor := _mapped(body.debtor_account, body.instructed_amount.currency, key, debtors):
        if any(given not in (None, own) for given, own in zip(named, _of(debtor), strict=True)):
            text = f"{body.debtor_account.masked} pays through {'/'.join(_of(debtor))} only"
            raise invalid([FieldError(pointer="/partner_account", detail=text)])
        if debtor.currency != body.instructed_amount.currency:
            text = f"the account {body.debtor_account.masked} pays in {debtor.currency} only"
            code, place = "AM03", "/instructed_amount/currency"
            raise invalid([FieldError(pointer=place, detail=text, code=code)])
        return Through(*_of(debtor), debtor.on_behalf_of)
    if named in key.accounts:
        return Through(*named)
    text = (
        f"{body.debtor_account.masked} is not mapped to an account of this tenant; add its number "
        "under [debtors] in finality.toml, or name a partner and partner_account that this key "
        "may use"
    )
    raise invalid([FieldError(pointer="/debtor_account", detail=text, code="AC02")])


def collecting(
    body: CollectionBody, key: ApiKey, profiles: Mapping[tuple[str, str], Profile]
) -> Through:
    """The account that collects.

    Raises:
        Problem: none of those that the key may use fits, or several do.
    """
    usable = sorted(
        name for name, profile in profiles.items() if name in key.accounts and profile.collects
    )
    fitting = [
        (partner, account)
        for partner, account in usable
        if body.partner in (None, partner) and body.partner_account in (None, account)
    ]
    if len(fitting) == 1:
        return Through(*fitting[0])
    listed = ", ".join(map("/".join, fitting or usable)) or "none"
    text = (
        f"several accounts take collections ({listed}); name one"
        if fitting
        else "this API key may not collect through that account; it may collect through: "
        f"{listed}. Make a key that may with "
        "`finality api-key new --name NAME --account PARTNER/ACCOUNT`"
    )
    raise invalid([FieldError(pointer="/partner_account", detail=text)])


def _mapped(
    account: Account, currency: str, key: Payer, debtors: Mapping[str, DebtorAccount]
) -> DebtorAccount | None:
    number = account.iban or plain_number(account.number)
    for name in (f"{number}/{currency}", number):
        debtor = debtors.get(name)
        if debtor is not None and debtor.tenant == key.tenant and debtor.is_known:
            return debtor
    return None


def _of(debtor: DebtorAccount) -> tuple[str, str]:
    return debtor.partner, debtor.partner_account
