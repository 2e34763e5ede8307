"""Judges a file line by line before anything of it is recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assembly import Assembly
from domain.payments.intent import Acknowledgement, PossibleDuplicate, require_acknowledged
from messages.credit_transfer import CreditTransferFile, Line
from messages.pain002 import Reason
from settings import Settings
from starter.files import DebtorAccount, FilePlan, PlannedOrder, RefusedLine, account_named, plan
from starter.known_lines import known_lines
from store.records import PaymentRecord
from terminal.pay_options import PayOptions
from terminal.refused import DUPLICATION, Repeat


@dataclass(frozen=True)
class Judged:
    """The judgement of a file's lines: known, refused, to be paid, or possible duplicates."""

    content: CreditTransferFile
    planned: FilePlan
    known: Mapping[int, PaymentRecord]
    """Payments of an earlier run of this file, by line position."""
    refused: Sequence[RefusedLine]
    """Refused lines, except those that an earlier run has paid."""
    orders: Sequence[tuple[PlannedOrder, Acknowledgement]]
    """Lines to pay, each with its acknowledgement; lines that are paid already are among them."""
    repeats: Sequence[Repeat]
    """Possible duplicates that are not acknowledged."""

    @property
    def new(self) -> list[PlannedOrder]:
        """The lines that would be paid now."""
        return [line for line, _ in self.orders if line.line.position not in self.known]

    @property
    def reasons(self) -> dict[int, tuple[Reason, ...]]:
        """Why lines are refused or may be duplicates, by line position."""
        found = {
            one.line.position: tuple(
                Reason(code=each.code, text=f"{each.field}: {each.text}") for each in one.refusals
            )
            for one in self.refused
        }
        for repeat in self.repeats:
            text = f"CdtTrfTxInf: {repeat.duplicate}"
            found[repeat.line.position] = (Reason(code=DUPLICATION, text=text),)
        return found

    def unpaid(self) -> list[Line]:
        """Lines that are neither paid before nor refused."""
        lines = [*(line.line for line in self.new), *(repeat.line for repeat in self.repeats)]
        return sorted(lines, key=lambda line: line.position)


async def judge(assembly: Assembly, content: CreditTransferFile, options: PayOptions) -> Judged:
    """Compare all lines before any is recorded. Recording compares each line again."""
    planned = plan(
        content, debtor_accounts(assembly.settings), now=assembly.clock.now(), as_of=options.as_of
    )
    known = await known_lines(content, assembly.files, assembly.payments)
    wanted = [(line.key, line.intent) for line in planned.orders]
    found = await assembly.payments.possible_duplicates(wanted, assembly.clock.now())
    orders, repeats = [], []
    for line, earlier in zip(planned.orders, found, strict=True):
        said = options.said_of([one.payment_id for one in earlier])
        try:
            require_acknowledged(earlier, said)
        except PossibleDuplicate as duplicate:
            repeats.append(Repeat(line, duplicate))
        else:
            orders.append((line, said))
    refused = [one for one in planned.refused if one.line.position not in known]
    return Judged(content, planned, known, refused, orders, repeats)


def debtor_accounts(settings: Settings) -> dict[str, DebtorAccount]:
    """The debtors of the settings, each with what the settings say about its partner account."""
    accounts = {}
    for key, debtor in settings.debtors.items():
        account = account_named(key)
        partner = settings.partner_accounts(debtor.partner).get(debtor.partner_account)
        accounts[key] = DebtorAccount(
            iban=account.iban,
            other=account.other,
            tenant=debtor.tenant,
            partner=debtor.partner,
            partner_account=debtor.partner_account,
            currency=debtor.currency,
            simulated=partner is not None and partner.simulated,
            is_known=partner is not None,
            on_behalf_of=debtor.on_behalf_of,
        )
    return accounts
