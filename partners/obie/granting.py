"""The bank's account access consents as reports, and our permissions in its words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from domain.consents.answers import ConsentSubject
from domain.consents.instructions import ConsentInstruction as Kind
from domain.consents.report import Action, ConsentState, Report, Source
from domain.consents.request import ConsentRequest, Permission
from domain.lifecycle.grants import Grant, GrantedAccount
from partners.kit.content import Content, json_object
from partners.obie import mapping, wire, words
from partners.obie.data_wire import AccountDetails

#: `OBReadConsent1.Data.Permissions`: those that each of ours needs. The profile wants Basic or
#: Detail of the accounts with everything, and Credits or Debits with transactions.
PERMISSIONS: Final[Mapping[Permission, tuple[str, ...]]] = {
    Permission.ACCOUNTS: ("ReadAccountsBasic", "ReadAccountsDetail"),
    Permission.BALANCES: ("ReadBalances",),
    Permission.TRANSACTIONS: (
        "ReadTransactionsBasic", "ReadTransactionsDetail", "ReadTransactionsCredits",
        "ReadTransactionsDebits",
    ),
}  # fmt: skip
#: Of data that we do not read, and so never ask for.
NOT_ASKED: Final = frozenset(
    {
        "ReadBeneficiariesBasic", "ReadBeneficiariesDetail", "ReadDirectDebits", "ReadOffers",
        "ReadPAN", "ReadParty", "ReadPartyPSU", "ReadProducts", "ReadScheduledPaymentsBasic",
        "ReadScheduledPaymentsDetail", "ReadStandingOrdersBasic", "ReadStandingOrdersDetail",
        "ReadStatementsBasic", "ReadStatementsDetail",
    }
)  # fmt: skip
#: The least without which nothing is shown.
_LEAST: Final = "ReadAccountsBasic"
#: A reason of v4.0.1 beside CANC: the user may authenticate again, for the same consent.
_REAUTHENTICATE: Final = "U028"


def unfit(request: ConsentRequest) -> str:
    """Why the bank can never give this access; empty if it can."""
    if not request.recurring:
        return "recurring: a consent of UK Open Banking lasts; leave it true, and revoke it after"
    if request.accounts:
        return "accounts: the user chooses them at the bank; leave them out"
    return ""


def body(request: ConsentRequest) -> Content:
    """The body of a request for access."""
    asked = {_LEAST, *(word for each in request.permissions for word in PERMISSIONS[each])}
    data: dict[str, Any] = {"Permissions": sorted(asked)}
    if request.valid_until is not None:
        data["ExpirationDateTime"] = request.valid_until.isoformat(timespec="seconds")
    return json_object({"Data": data, "Risk": {}})


def report(
    subject: ConsentSubject,
    access: wire.Access,
    source: Source,
    as_of: datetime,
    *,
    instead: ConsentState | None = None,
    action: Action | None = None,
    accounts: Iterable[AccountDetails] | None = None,
) -> Report:
    """What the bank says of a consent.

    Args:
        instead: our own word, where the user's token says more than the bank's status.
        accounts: those that the user chose, if they were read.
    """
    data = access.data
    state = words.CONSENTS.get(data.status)
    unknown = () if state else (f"consent.Status: unknown {data.status[:40]!r}",)
    if state is ConsentState.REVOKED_BY_USER and may_authenticate_again(data):
        state = ConsentState.NEEDS_REAUTH
    if state is ConsentState.ACTIVE:
        state = instead or state
    return Report(
        instruction_id=subject.instruction_id,
        source=source,
        as_of=as_of,
        state=state,
        partner_status=data.status[:80],
        reason=mapping.reason_text(data.status_reason),
        partner_reference=data.consent_id if subject.kind is Kind.ASK else None,
        action=action,
        grant=_grant(data, accounts) if state is ConsentState.ACTIVE else None,
        drift=(*access.drift, *data.drift, *unknown),
    )


def own_report(
    subject: ConsentSubject, state: ConsentState | None, said: str, source: Source, as_of: datetime
) -> Report:
    """What follows from something else than a status: a token, a deletion, a refusal."""
    return Report(
        instruction_id=subject.instruction_id,
        source=source,
        as_of=as_of,
        state=state,
        partner_status=said[:80],
        reason=said,
    )


def may_authenticate_again(data: wire.AccessData) -> bool:
    return any(each.code == _REAUTHENTICATE for each in data.status_reason)


def _grant(data: wire.AccessData, accounts: Iterable[AccountDetails] | None) -> Grant:
    given = set(data.permissions)
    permissions = (ours.value for ours, theirs in PERMISSIONS.items() if given & set(theirs))
    chosen = None if accounts is None else tuple(map(_account, accounts))
    return Grant(permissions=tuple(permissions), accounts=chosen, valid_until=data.until)


def _account(shown: AccountDetails) -> GrantedAccount:
    number = shown.account[0].identification if shown.account else ""
    return GrantedAccount(reference=shown.account_id, ends=number[-4:], currency=shown.currency)
