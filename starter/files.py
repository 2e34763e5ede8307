"""From a file of credit transfers to orders: accounts mapped, rules checked, times set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final, NamedTuple

from domain.accounts import Account, AccountError, check_iban
from domain.ids import hashed
from domain.intent import Intent
from domain.order import Order, Times
from domain.party import Party, PostalAddress
from messages.credit_transfer import CreditTransferFile, Line, Notice
from regimes.calendars import CutOff, is_business_day, next_business_day
from regimes.refusal import Refusal
from regimes.sepa import CUT_OFF, EXECUTION_AHEAD_MAX, check_credit_transfer
from starter.fingerprint import fingerprint

#: The wall clock at which a file's day begins when it is judged as of another day.
MORNING: Final = time(8, 0)

#: Where a file has the fields of an order.
_ELEMENTS: Final = {
    "instructed_amount": "Amt/InstdAmt",
    "debtor.name": "PmtInf/Dbtr/Nm",
    "debtor.address": "PmtInf/Dbtr/PstlAdr",
    "debtor_account": "PmtInf/DbtrAcct/Id/IBAN",
    "creditor.name": "Cdtr/Nm",
    "creditor.address": "Cdtr/PstlAdr",
    "creditor_account": "CdtrAcct/Id/IBAN",
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

    iban: str
    tenant: str
    partner: str
    partner_account: str
    currency: str
    simulated: bool
    """No real money is behind it; only then may dates be shifted."""
    on_behalf_of: str | None = None


class PlannedOrder(NamedTuple):
    """A line that can be paid."""

    line: Line
    order: Order
    key: str
    """The line's key, for ever: the same line of the same file has it each time it is read."""
    received: dict[str, Any]
    """What the file says of the line, for the fingerprint: no setting and no shifted date."""
    rules_of: date
    """The day of execution in the file's own time, whose rules it was checked against."""
    intent: Intent
    """By the day the file asks for, not the one it was moved to; one batch a file."""
    notices: tuple[Notice, ...]


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
    cut_off: CutOff = CUT_OFF,
) -> FilePlan:
    """Judge every line; nothing is recorded or sent.

    Args:
        file: as read, with its own refusals.
        debtors: by IBAN in capitals without spaces.
        now: the moment, aware.
        as_of: judge as if it were the morning of this day, and shift all times so that the
            orders can run now. For simulated partners only.
        cut_off: until when a payment of the day is taken.
    """
    timeline = _Timeline(now, as_of, cut_off)
    orders: list[PlannedOrder] = []
    refused: list[RefusedLine] = []
    for line in file.lines:
        planned = _planned(file, line, debtors, timeline)
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
    lines = [
        {"block": line.payment_information_id, "place": line.position, **_received(line)}
        for line in file.lines
    ]
    return fingerprint({"lines": lines})


class _Timeline:
    """The file's time, in which rules are judged, and ours, in which the order runs."""

    def __init__(self, now: datetime, as_of: date | None, cut_off: CutOff) -> None:
        self.as_of = as_of
        self._now = now
        self._cut_off = cut_off
        self._judged_now = now if as_of is None else cut_off.moment(as_of, MORNING)
        self._shift = now - self._judged_now
        self.today = cut_off.day_of(self._judged_now)
        self._days = cut_off.day_of(now) - self.today

    def execution_day(self, wished: date) -> tuple[date, str]:
        """The day, in the file's time, on which a payment is executed; why it moved, or ""."""
        if not is_business_day(wished):
            return next_business_day(wished), "is no business day of TARGET"
        if wished == self.today and self._judged_now >= self._cut_off.on(wished):
            return next_business_day(wished), f"was over at the cut-off {self._cut_off.at:%H:%M}"
        return wished, ""

    def times(self, day: date) -> Times:
        """What a day of the file's time means in ours."""
        return Times(
            submit_before=self._cut_off.on(day) + self._shift,
            requested_execution_date=day + self._days,
            execute_by=self._cut_off.end_of(day) + self._shift,
        )


def _planned(
    file: CreditTransferFile,
    line: Line,
    debtors: Mapping[str, DebtorAccount],
    timeline: _Timeline,
) -> PlannedOrder | tuple[Refusal, ...]:
    wished = line.payment_information.requested_execution_date
    if line.refusals or wished is None:
        return line.refusals
    debtor = _debtor(line, debtors, timeline)
    if not isinstance(debtor, DebtorAccount):
        return debtor
    if problem := _day_problem(wished, timeline):
        return (problem,)
    day, moved = timeline.execution_day(wished)
    order = _order(line, debtor, timeline.times(day))
    if refusals := check_credit_transfer(order, on=day):
        return tuple(_in_words_of_the_file(refusal) for refusal in refusals)
    notices = line.notices
    if moved:
        notices += (Notice(_DAY, f"{wished} {moved}; executed on {day} instead"),)
    return PlannedOrder(
        line=line,
        order=order,
        key=line_key(file, line, debtor.tenant),
        received=_received(line),
        rules_of=day,
        intent=Intent.of(order, requested=wished, batch=file_key(file)),
        notices=notices,
    )


def _debtor(
    line: Line, debtors: Mapping[str, DebtorAccount], timeline: _Timeline
) -> DebtorAccount | tuple[Refusal, ...]:
    """The account that pays. Nobody's file is paid from an account they did not name."""
    field = f"{_ACCOUNT}/Id/IBAN"
    try:
        account = Account(iban=check_iban(line.payment_information.debtor_iban))
    except AccountError as error:
        return (Refusal("AC02", field, str(error)),)
    debtor = debtors.get(account.number)
    if debtor is None:
        text = (
            f"{account.masked} is not mapped to an account that pays; add its IBAN under "
            "[debtors] in finality.toml, or to FINALITY_DEBTORS; for the simulator, give it to "
            "`finality up --debtor`"
        )
        return (Refusal("AC02", field, text),)
    if timeline.as_of is not None and not debtor.simulated:
        text = (
            f"dates are shifted for simulated partners only, and {debtor.partner}/"
            f"{debtor.partner_account} is a real one; leave out --as-of"
        )
        return (Refusal("DT01", _DAY, text),)
    refusals = []
    stated = line.payment_information.debtor_account_currency
    if stated and stated != debtor.currency:
        text = f"says {stated}, in the settings the account is in {debtor.currency}"
        refusals.append(Refusal("AC10", f"{_ACCOUNT}/Ccy", text))
    if line.currency != debtor.currency:
        text = f"is in {line.currency}, the account pays in {debtor.currency} only"
        refusals.append(Refusal("AM03", "Amt/InstdAmt", text))
    return tuple(refusals) or debtor


def _day_problem(wished: date, timeline: _Timeline) -> Refusal | None:
    if wished < timeline.today:
        text = (
            f"{wished} is over; ask for the file with a later day"
            if timeline.as_of is not None
            else f"{wished} is over; ask for the file with a later day (with a simulated "
            f"partner: --as-of {wished})"
        )
        return Refusal("DT01", _DAY, text)
    if wished - timeline.today > EXECUTION_AHEAD_MAX:
        text = f"{wished} is more than {EXECUTION_AHEAD_MAX.days} days ahead; check the year"
        return Refusal("CH03", _DAY, text)
    return None


def _order(line: Line, debtor: DebtorAccount, times: Times) -> Order:
    block = line.payment_information
    return Order(
        tenant=debtor.tenant,
        partner=debtor.partner,
        partner_account=debtor.partner_account,
        instructed_amount=line.instructed_amount,
        debtor=Party(name=block.debtor_name, address=block.debtor_address),
        debtor_account=Account(iban=debtor.iban, currency=debtor.currency),
        creditor=Party(name=line.creditor_name, address=line.creditor_address),
        creditor_account=Account(
            iban=line.creditor_iban.replace(" ", "").upper(),
            currency=line.creditor_account_currency or None,
        ),
        creditor_agent=line.creditor_agent or None,
        end_to_end_id=line.end_to_end_id,
        instruction_id=line.instruction_id or None,
        uetr=line.uetr or None,
        remittance_information=line.remittance_information,
        charge_bearer=line.charge_bearer,
        purpose=line.purpose or None,
        category_purpose=line.category_purpose or None,
        on_behalf_of=debtor.on_behalf_of,
        times=times,
    )


def _in_words_of_the_file(refusal: Refusal) -> Refusal:
    return refusal._replace(field=_ELEMENTS.get(refusal.field, refusal.field))


def _received(line: Line) -> dict[str, Any]:
    block = line.payment_information
    return {
        "debtor": block.debtor_name,
        "debtor_address": _fields(block.debtor_address),
        "debtor_account": block.debtor_iban,
        "requested_execution_date": str(block.requested_execution_date),
        "amount_minor": line.amount_minor,
        "currency": line.currency,
        "creditor": line.creditor_name,
        "creditor_address": _fields(line.creditor_address),
        "creditor_account": line.creditor_iban,
        "creditor_agent": line.creditor_agent,
        "end_to_end_id": line.end_to_end_id,
        "instruction_id": line.instruction_id,
        "uetr": line.uetr,
        "remittance_information": line.remittance_information,
        "purpose": line.purpose,
        "category_purpose": line.category_purpose,
    }


def _fields(address: PostalAddress | None) -> dict[str, Any]:
    return address.model_dump(mode="json", exclude_none=True) if address is not None else {}
