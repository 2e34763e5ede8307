"""Turns a file of credit transfers into orders: maps accounts, checks rules, sets times.

A line's key follows from its position in the unfiltered file. EndToEndId was refused as a key,
because two lines that are both meant may share one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from domain.accounts import Account, AccountError, check_iban
from domain.ids import hashed
from domain.party import Party, PostalAddress
from domain.payments.intent import Intent
from domain.payments.order import Order, Rail, Times
from messages.credit_transfer import CreditTransferFile, Identity, Line, Notice
from regimes.electronic import electronic_reference, in_electronic_form
from regimes.rails import advice_on, check_credit_transfer
from regimes.refusal import Refusal
from starter.files.days import Timeline, Timelines
from starter.files.received import received
from starter.fingerprint import fingerprint_of_many

#: The element of the file that holds each field of an order.
_ELEMENTS: Final = {
    "instructed_amount": "Amt/InstdAmt",
    "debtor.name": "PmtInf/Dbtr/Nm",
    "debtor.address": "PmtInf/Dbtr/PstlAdr",
    "ultimate_debtor.name": "UltmtDbtr/Nm",
    "ultimate_debtor.kind": "UltmtDbtr/Id",
    "ultimate_debtor.address": "UltmtDbtr/PstlAdr",
    "ultimate_debtor.id": "UltmtDbtr/Id",
    "creditor.name": "Cdtr/Nm",
    "creditor.id": "Cdtr/Id",
    "creditor.address": "Cdtr/PstlAdr",
    "creditor_agent": "CdtrAgt/FinInstnId/BICFI",
    "creditor_agent_member": "CdtrAgt/FinInstnId/ClrSysMmbId",
    "creditor_reference": "RmtInf/Strd/CdtrRefInf/Ref",
    "remittance_information": "RmtInf/Ustrd",
    "end_to_end_id": "PmtId/EndToEndId",
    "instruction_id": "PmtId/InstrId",
    "charge_bearer": "ChrgBr",
}
_DAY: Final = "PmtInf/ReqdExctnDt"
_ACCOUNT: Final = "PmtInf/DbtrAcct"


@dataclass(frozen=True)
class DebtorAccount:
    """The account of ours with a partner that pays for a file's debtor account."""

    iban: str | None
    tenant: str
    partner: str
    partner_account: str
    currency: str
    simulated: bool
    """Whether no real money is behind it. Only then may dates be shifted."""
    is_known: bool = True
    """Whether the settings have this account with the partner."""
    on_behalf_of: str | None = None
    other: str | None = None
    """The account's number, if it has no IBAN."""


@dataclass(frozen=True, slots=True)
class PlannedOrder:
    """A line that can be paid.

    It stores what was decided about the line. Everything else is computed when it is needed, since
    a file may have a few hundred thousand lines.
    """

    line: Line
    rules_of: date
    """The execution day in the file's time. The line was checked by the rules of that day."""
    moved: str
    """Why this is not the day that the file asks for, or ""."""
    debtor: DebtorAccount
    times: Times
    _file: CreditTransferFile = field(repr=False, compare=False)

    @property
    def order(self) -> Order:
        """The order to pay."""
        return _order(self.line, self.debtor, self.times)

    @property
    def key(self) -> str:
        """The line's key, for ever: the same each time the file is read."""
        return line_key(self._file, self.line, self.debtor.tenant)

    @property
    def received(self) -> dict[str, Any]:
        """The line as it stands in the file, for the fingerprint: no settings, no shifted dates."""
        return received(self.line)

    @property
    def intent(self) -> Intent:
        """The intent, with the day that the file asks for, not the moved one; one batch a file."""
        wished = self.line.payment_information.requested_execution_date
        return Intent.of(self.order, requested=wished, batch=file_key(self._file))

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What is done otherwise than the file says."""
        notices = [*self.line.notices]
        notices += [self.notice(*advice) for advice in advice_on(self.order)]
        if electronic_reference(self.line.creditor_reference) != self.line.creditor_reference:
            text = "is sent in its electronic form, in capitals and without blanks"
            notices.append(Notice(_ELEMENTS["creditor_reference"], text))
        if self.moved:
            wished = self.line.payment_information.requested_execution_date
            text = f"{wished} {self.moved}; executed on {self.rules_of} instead"
            notices.append(Notice(_DAY, text))
        return tuple(notices)

    def notice(self, field: str, text: str) -> Notice:
        """A notice about a field of the order, which names the file's element instead."""
        return Notice(_in_words_of_the_file(Refusal("", field, text), self.line).field, text)


class RefusedLine(NamedTuple):
    """A line that cannot be paid, with every reason."""

    line: Line
    refusals: tuple[Refusal, ...]


class FilePlan(NamedTuple):
    """What would be paid of a file. Each of its lines is in one of the two tuples."""

    orders: tuple[PlannedOrder, ...]
    refused: tuple[RefusedLine, ...]


def plan(
    file: CreditTransferFile,
    debtors: Mapping[str, DebtorAccount],
    *,
    now: datetime,
    as_of: date | None = None,
) -> FilePlan:
    """Check every line. Nothing is recorded or sent.

    Args:
        file: the file as read, with its own refusals.
        debtors: by account number in capitals without spaces, or by that and a currency, as
            "DE…/USD", which comes first.
        now: the moment, aware.
        as_of: check as if it were the morning of this day, and shift all times so that the
            orders can run now. For simulated partners only.
    """
    timelines = Timelines(now, as_of)
    orders: list[PlannedOrder] = []
    refused: list[RefusedLine] = []
    for line in file.lines:
        planned = _planned(file, line, debtors, timelines)
        if isinstance(planned, PlannedOrder):
            orders.append(planned)
        else:
            refused.append(RefusedLine(line, planned))
    return FilePlan(tuple(orders), tuple(refused))


def line_key(file: CreditTransferFile, line: Line, tenant: str) -> str:
    """The key of a line: sender, message id, block, and position in the unfiltered file.

    EndToEndId is not part of it: two salaries may share one, and both are meant.
    """
    digest = hashed(
        tenant,
        file.initiating_party_key,
        file.message_id,
        line.payment_information_id,
        str(line.position),
        length=40,
        alphabet="0123456789abcdef",
    )
    return f"file/{digest}"


def file_key(file: CreditTransferFile) -> str:
    """The key of a file: its sender and message id."""
    return hashed(
        file.initiating_party_key, file.message_id, length=40, alphabet="0123456789abcdef"
    )


def file_fingerprint(file: CreditTransferFile) -> str:
    """The fingerprint of the file's content: every line at its position, also refused ones.

    Settings are not part of it.
    """
    lines = (
        {"block": line.payment_information_id, "place": line.position, **received(line)}
        for line in file.lines
    )
    return fingerprint_of_many("lines", lines)


def _planned(
    file: CreditTransferFile,
    line: Line,
    debtors: Mapping[str, DebtorAccount],
    timelines: Timelines,
) -> PlannedOrder | tuple[Refusal, ...]:
    wished = line.payment_information.requested_execution_date
    if line.refusals or wished is None:
        return line.refusals
    debtor = _debtor(line, debtors, timelines.as_of)
    if not isinstance(debtor, DebtorAccount):
        return debtor
    timeline = timelines.of(line.rail, line.currency)
    if problem := _day_problem(wished, timeline, timelines.as_of):
        return (problem,)
    day, moved = timeline.execution_day(wished)
    times = timeline.times(day)
    if refusals := check_credit_transfer(_order(line, debtor, times), on=day):
        return tuple(_in_words_of_the_file(refusal, line) for refusal in refusals)
    return PlannedOrder(line, day, moved, debtor, times, file)


def _debtor(
    line: Line, debtors: Mapping[str, DebtorAccount], as_of: date | None
) -> DebtorAccount | tuple[Refusal, ...]:
    """The account that pays, or why none does. There is no default account: a file is paid only
    from an account that it names."""
    block = line.payment_information
    field = f"{_ACCOUNT}/Id/{'Othr/Id' if block.debtor_other else 'IBAN'}"
    try:
        account = (
            Account(other=plain_number(block.debtor_other))
            if block.debtor_other
            else Account(iban=check_iban(block.debtor_iban))
        )
    except AccountError as error:
        return (Refusal("AC02", field, str(error)),)
    number = account.number
    debtor = debtors.get(f"{number}/{line.currency}") or debtors.get(number)
    if debtor is None:
        text = (
            f"{account.masked} is not mapped to an account that pays; add its number under "
            "[debtors] in finality.toml, or to FINALITY_DEBTORS; for the simulator, give its IBAN "
            "to `finality up --debtor`"
        )
        return (Refusal("AC02", field, text),)
    if not debtor.is_known:
        text = (
            f"{account.masked} is mapped to {debtor.partner}/{debtor.partner_account}, which is "
            "not in the settings; correct its partner_account, or add the account as "
            f"FINALITY_{debtor.partner.upper()}__{debtor.partner_account.upper()}__…"
        )
        return (Refusal("AC02", field, text),)
    if as_of is not None and not debtor.simulated:
        text = (
            f"dates are shifted for simulated partners only, and {debtor.partner}/"
            f"{debtor.partner_account} is a real one; leave out --as-of"
        )
        return (Refusal("DT01", _DAY, text),)
    refusals = []
    stated = block.debtor_account_currency
    if stated and stated != debtor.currency:
        text = f"says {stated}, but in the settings the account is in {debtor.currency}"
        refusals.append(Refusal("AC10", f"{_ACCOUNT}/Ccy", text))
    if line.currency != debtor.currency:
        text = (
            f"is in {line.currency}, but the account pays in {debtor.currency} only; if it has a "
            f"balance in {line.currency}, map the number followed by /{line.currency} too"
        )
        refusals.append(Refusal("AM03", "Amt/InstdAmt", text))
    return tuple(refusals) or debtor


def account_named(key: str) -> Account:
    """The account in a mapping's key, which is "NUMBER" or "NUMBER/CURRENCY"."""
    number = key.partition("/")[0]
    try:
        return Account(iban=check_iban(number))
    except AccountError:
        return Account(other=number)


def plain_number(text: str) -> str:
    """An account number that is not an IBAN, in capitals and without blanks and hyphens."""
    return "".join(letter for letter in text.upper() if letter not in " -")


def _day_problem(wished: date, timeline: Timeline, as_of: date | None) -> Refusal | None:
    if wished < timeline.today:
        text = (
            f"{wished} has passed; ask for the file with a later day"
            if as_of is not None
            else f"{wished} has passed; ask for the file with a later day (with a simulated "
            f"partner: --as-of {wished})"
        )
        return Refusal("DT01", _DAY, text)
    ahead_max = timeline.rules.ahead_max
    if wished - timeline.today > ahead_max:
        text = f"{wished} is more than {ahead_max.days} days ahead; check the year"
        return Refusal("CH03", _DAY, text)
    return None


def _order(line: Line, debtor: DebtorAccount, times: Times) -> Order:
    block = line.payment_information
    in_sepa = line.rail is Rail.SEPA_CREDIT_TRANSFER
    order = Order(
        tenant=debtor.tenant,
        partner=debtor.partner,
        partner_account=debtor.partner_account,
        rail=line.rail,
        instructed_amount=line.instructed_amount,
        debtor=Party(name=block.debtor_name, address=block.debtor_address),
        debtor_account=Account(iban=debtor.iban, other=debtor.other, currency=debtor.currency),
        ultimate_debtor=_party(*line.ultimate_debtor) if line.ultimate_debtor else None,
        creditor=_party(line.creditor_name, line.creditor_address, line.creditor_identity),
        creditor_account=Account(
            iban=line.creditor_iban or None,
            other=line.creditor_other or None,
            currency=line.creditor_account_currency or None,
        ),
        creditor_agent=line.creditor_agent or None,
        creditor_agent_member=line.creditor_agent_member,
        creditor_agent_country=None if in_sepa else line.creditor_agent_country or None,
        end_to_end_id=line.end_to_end_id,
        instruction_id=line.instruction_id or None,
        uetr=line.uetr or None,
        remittance_information=line.remittance_information,
        creditor_reference=line.creditor_reference or None,
        charge_bearer=line.charge_bearer,
        purpose=line.purpose or None,
        category_purpose=line.category_purpose or None,
        on_behalf_of=debtor.on_behalf_of,
        times=times,
    )
    return in_electronic_form(order)


def _party(name: str, address: PostalAddress | None, identity: Identity | None) -> Party:
    if identity is None:
        return Party(name=name, address=address)
    kind, birth_date, identification = identity
    return Party(
        name=name,
        address=address,
        kind=kind,
        birth_date=birth_date,
        identification=identification,
    )


def _in_words_of_the_file(refusal: Refusal, line: Line) -> Refusal:
    if refusal.field == "debtor_account":
        is_other = line.payment_information.debtor_other
        return refusal._replace(field=f"{_ACCOUNT}/Id/{'Othr/Id' if is_other else 'IBAN'}")
    if refusal.field == "creditor_account":
        field = "CdtrAcct/Id/Othr/Id" if line.creditor_other else "CdtrAcct/Id/IBAN"
        return refusal._replace(field=field)
    element = _ELEMENTS.get(refusal.field, refusal.field)
    of_block = line.payment_information.ultimate_debtor
    if element.startswith("UltmtDbtr/") and line.ultimate_debtor is of_block:
        element = f"PmtInf/{element}"
    return refusal._replace(field=element)
