"""The options of `finality collect`, and the command line that gives them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from domain.accounts import Account
from domain.money import Money
from domain.party import Party
from domain.payments.order import Captured, Collection, Direction, Order, Rail, Times
from regimes.refusal import Refusal
from starter.asking import InvalidCommand
from terminal.typed import typed_option

#: Options, by the fields of an order that they give.
_OPTIONS: Final = {
    "partner": "--partner",
    "partner_account": "--account",
    "tenant": "--tenant",
    "rail": "--rail",
    "instructed_amount": "--amount",
    "key": "--key",
    "debtor.name": "--debtor",
    "end_to_end_id": "--end-to-end-id",
    "remittance_information": "--remittance",
    "collection": "--account",
    "collection.payment_method": "--payment-method",
    "collection.mandate": "--mandate",
    "collection.customer": "--customer",
    "collection.captured": "--capture",
    "collection.off_session": "--off-session",
    "collection.saves": "--save",
    "collection.return_url": "--return-url",
    "collection.statement_descriptor": "--descriptor",
}
#: Fields that the command makes from options: what is wrong with them is said of the options.
_DERIVED: Final = ("debtor_account.other", "creditor.name", "creditor_account.other")
#: ISO 20022's word for what is not stated, such as the name of a payer.
NOT_STATED: Final = "NOTPROVIDED"


@dataclass(frozen=True)
class CollectOptions:
    """The options of the command. Texts are those of `Order` and `Collection`.

    Attributes:
        partner, account: our account with a partner; each may be left out if only one collects.
        acknowledge: ids of earlier payments that this one does not repeat.
        operator: who signs that; needed if one of those payments is in doubt.
        preview: only show what would be collected.
    """

    amount: Money
    key: str
    partner: str | None = None
    account: str | None = None
    tenant: str = "default"
    rail: Rail = Rail.CARD
    payment_method: str | None = None
    mandate: str | None = None
    customer: str | None = None
    captured: Captured = Captured.AT_ONCE
    off_session: bool = False
    saves: bool = False
    return_url: str | None = None
    descriptor: str | None = None
    debtor: str | None = None
    end_to_end_id: str | None = None
    remittance: str = ""
    acknowledge: frozenset[str] = frozenset()
    operator: str | None = None
    preview: bool = False
    wait_seconds: int = 60
    as_json: bool = False

    def account_of(self, collecting: Iterable[tuple[str, str]]) -> tuple[str, str]:
        """The partner and our account there.

        Args:
            collecting: the accounts of the settings that take collections.

        Raises:
            InvalidCommand: none of them fits, or several do.
        """
        known = sorted(collecting)
        fitting = [
            (partner, account)
            for partner, account in known
            if self.partner in (None, partner) and self.account in (None, account)
        ]
        if len(fitting) == 1:
            return fitting[0]
        listed = ", ".join("/".join(one) for one in fitting or known)
        if fitting:
            raise InvalidCommand(
                f"--partner: several accounts take collections ({listed}); name one with "
                "--partner and --account"
            )
        if not known:
            raise InvalidCommand(
                "--partner: no account in the settings takes collections. `finality up` has one, "
                "with a simulator; describe your own under [partners.…] (docs/configuration.md)"
            )
        named = "--partner" if self.account is None else "--account"
        raise InvalidCommand(f"{named}: no such account takes collections; those that do: {listed}")

    def order(self, partner: str, account: str) -> Order:
        """The order to collect through this account.

        Raises:
            InvalidCommand: nothing names the payer.
        """
        payer = self.customer or self.payment_method or self.mandate
        if payer is None:
            raise InvalidCommand(
                "--payment-method: is missing; give the partner's token of a card or bank account"
            )
        ours = f"{partner}/{account}"
        return Order(
            tenant=self.tenant,
            partner=partner,
            partner_account=account,
            rail=self.rail,
            direction=Direction.INCOMING,
            instructed_amount=self.amount,
            debtor=Party(name=self.debtor or NOT_STATED),
            debtor_account=Account(other=payer),
            creditor=Party(name=ours),
            creditor_account=Account(other=ours),
            end_to_end_id=self.end_to_end_id or NOT_STATED,
            remittance_information=self.remittance,
            times=Times(),
            collection=Collection(
                payment_method=self.payment_method,
                mandate=self.mandate,
                customer=self.customer,
                captured=self.captured,
                off_session=self.off_session,
                saves=self.saves,
                return_url=self.return_url,
                statement_descriptor=self.descriptor,
            ),
        )

    def command(self, acknowledged: Sequence[str]) -> str:
        """The same command line, which also acknowledges these payments."""
        given = {
            "--amount": str(self.amount),
            "--key": self.key,
            "--partner": self.partner,
            "--account": self.account,
            "--tenant": self.tenant if self.tenant != "default" else None,
            "--rail": self.rail.value if self.rail is not Rail.CARD else None,
            "--payment-method": self.payment_method,
            "--mandate": self.mandate,
            "--customer": self.customer,
            "--capture": "manual" if self.captured is Captured.LATER else None,
            "--return-url": self.return_url,
            "--descriptor": self.descriptor,
            "--debtor": self.debtor,
            "--end-to-end-id": self.end_to_end_id,
            "--remittance": self.remittance or None,
            "--operator": self.operator,
            "--wait": str(self.wait_seconds),
            "--acknowledge": ",".join(acknowledged),
        }
        words = [typed_option(name, value) for name, value in given.items() if value is not None]
        flags = [*(["--off-session"] if self.off_session else []),
                 *(["--save"] if self.saves else []),
                 *(["--json"] if self.as_json else [])]  # fmt: skip
        return " ".join([shlex.join(["finality", "collect"]), *words, *flags])


def said_of_options(refusals: Iterable[Refusal]) -> list[str]:
    """Each refusal once, in a sentence that begins with the option that it is about."""
    said = {
        f"{_OPTIONS.get(refusal.field, refusal.field)}: {refusal.text}": None
        for refusal in refusals
        if refusal.field not in _DERIVED
    }
    return list(said)
