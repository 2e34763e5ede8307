"""From a file of credit transfers to orders: accounts mapped, rules checked, times set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from domain.accounts import Account, AccountError, check_iban
from domain.ids import hashed
from domain.intent import Intent
from domain.order import Order, Rail, Times
from domain.party import Party, PostalAddress
from messages.credit_transfer import CreditTransferFile, Identity, Line, Notice
from regimes.electronic import electronic_reference, in_electronic_form
from regimes.rails import advice_on, check_credit_transfer
from regimes.refusal import Refusal
from starter.file_days import Timeline, Timelines
from starter.fingerprint import fingerprint_of_many
from starter.received import received

#: Where a file has the fields of an order.
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
    """Which of our accounts with a partner pays for a debtor account of a file."""

    iban: str | None
    tenant: str
    partner: str
    partner_account: str
    currency: str
    simulated: bool
    """No real money is behind it; only then may dates be shifted."""
    is_known: bool = True
    """Whether the settings have that account with the partner."""
    on_behalf_of: str | None = None
    other: str | None = None
    """The account's number where it has no IBAN."""


@dataclass(frozen=True, slots=True)
class PlannedOrder:
    """A line that can be paid.

    It holds what was decided of the line; what follows from that is made when it is asked for,
    since a file may have a few hundred thousand lines.
    """

    line: Line
    rules_of: date
    """The day of execution in the file's own time, whose rules it was checked against."""
    moved: str
    """Why that is not the day the file asks for, or ""."""
    debtor: DebtorAccount
    times: Times
    _file: CreditTransferFile = field(repr=False, compare=False)

    @property
    def order(self) -> Order:
        """What is to be paid."""
        return _order(self.line, self.debtor, self.times)

    @property
    def key(self) -> str:
        """The line's key, for ever: the same line of the same file has it each time it is read."""
        return line_key(self._file, self.line, self.debtor.tenant)

    @property
    def received(self) -> dict[str, Any]:
        """What the file says of the line, for the fingerprint: no setting and no shifted date."""
        return received(self.line)

    @property
    def intent(self) -> Intent:
        """By the day the file asks for, not the one it was moved to; one batch a file."""
        wished = self.line.payment_information.requested_execution_date
        return Intent.of(self.order, requested=wished, batch=file_key(self._file))

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What of the line goes otherwise than the file says."""
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
        """Something about a field of the order, in the words of the file."""
        return Notice(_in_words_of_the_file(Refusal("", field, text), self.line).field, text)


class RefusedLine(NamedTuple):
    """A line that cannot be paid, and everything that speaks against it."""

    line: Line
    refusals: tuple[Refusal, ...]


class FilePlan(NamedTuple):
    """What would be paid of a file; each of its lines is in one of the two."""

    orders: tuple[PlannedOrder, ...]
    refused: tuple[RefusedLine, ...]


def plan(
    file: CreditTransferFile,
    debtors: Mapping[str, DebtorAccount],
    *,
    now: datetime,
    as_of: date | None = None,
) -> FilePlan:
    """Judge every line; nothing is recorded or sent.

    Args:
        file: as read, with its own refusals.
        debtors: by account number in capitals without spaces, or by that and a currency, as
            "DE…/USD", which is asked for first.
        now: the moment, aware.
        as_of: judge as if it were the morning of this day, and shift all times so that the
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
    """The key of a line: who sent which file, which block, which place in the unfiltered file.

    EndToEndId is not in it: two salaries may share one, and both are meant.
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
    """The key of a file: who sent it and its message id."""
    return hashed(
        file.initiating_party_key, file.message_id, length=40, alphabet="0123456789abcdef"
    )


def file_fingerprint(file: CreditTransferFile) -> str:
    """What the file says, every line in its place, the refused ones too; nothing of settings."""
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
    """The account that pays. Nobody's file is paid from an account they did not name."""
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
        text = f"says {stated}, in the settings the account is in {debtor.currency}"
        refusals.append(Refusal("AC10", f"{_ACCOUNT}/Ccy", text))
    if line.currency != debtor.currency:
        text = (
            f"is in {line.currency}, the account pays in {debtor.currency} only; for another "
            f"currency of it map the number with /{line.currency} behind it"
        )
        refusals.append(Refusal("AM03", "Amt/InstdAmt", text))
    return tuple(refusals) or debtor


def account_named(key: str) -> Account:
    """The account of a mapping's key: of "NUMBER" or "NUMBER/CURRENCY", the number."""
    number = key.partition("/")[0]
    try:
        return Account(iban=check_iban(number))
    except AccountError:
        return Account(other=number)


def plain_number(text: str) -> str:
    """An account number that is no IBAN without what people write between its digits."""
    return "".join(letter for letter in text.upper() if letter not in " -")


def _day_problem(wished: date, timeline: Timeline, as_of: date | None) -> Refusal | None:
    if wished < timeline.today:
        text = (
            f"{wished} is over; ask for the file with a later day"
            if as_of is not None
            else f"{wished} is over; ask for the file with a later day (with a simulated "
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
