"""A file of credit transfers as read: its lines, and what was refused or noted of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from domain.accounts import ClearingMember
from domain.money import Money
from domain.order import ChargeBearer, Rail
from domain.party import Identification, PartyKind, PostalAddress
from regimes.refusal import Refusal

NOT_PROVIDED = "NOTPROVIDED"


class Notice(NamedTuple):
    """Something that is paid otherwise than the file says, though the money is the same."""

    field: str
    text: str


class FileRefused(ValueError):
    """Nothing of the file can be paid.

    `code` is of ISO 20022 ExternalStatusReason1Code; `field` is the element, or "" where the
    file is no such file at all; the text names the remedy. `message_id` and `version` are the
    file's, or "" where it was refused before they were read.
    """

    def __init__(self, code: str, field: str, text: str) -> None:
        super().__init__(f"{code} {field}: {text}" if field else f"{code} {text}")
        self.code = code
        self.field = field
        self.text = text
        self.message_id = ""
        self.version = ""


class Identity(NamedTuple):
    """What a file says of a party beside name and address."""

    kind: PartyKind
    birth_date: date | None
    identification: Identification | None


class UltimateDebtor(NamedTuple):
    """Who owes it, where a file says that it is not who holds the account."""

    name: str
    address: PostalAddress | None
    identity: Identity | None


@dataclass(frozen=True, slots=True)
class PaymentInformation:
    """What the lines of one PmtInf block share. Absent texts are empty."""

    payment_information_id: str
    requested_execution_date: date | None
    debtor_name: str
    debtor_address: PostalAddress | None
    debtor_iban: str
    debtor_other: str
    """The account's number where it has no IBAN."""
    debtor_account_currency: str
    debtor_agent: str
    """BIC as the file gives it; the mapped account decides who pays."""
    ultimate_debtor: UltimateDebtor | None
    batch_booking: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One CdtTrfTxInf. A refused line holds what could be read of it. Absent texts are empty.

    Plain and slotted, because a file may have a few hundred thousand of them.
    """

    position: int
    """In the file as it came, all blocks counted together, from 1."""
    source_line: int
    """Where it begins in the XML text, from 1."""
    payment_information: PaymentInformation
    rail: Rail
    """The one asked for, else the cheapest that leads there."""
    service: str
    """What the file asks for in the way of a service, in its own codes, such as "HIGH URGP"."""
    end_to_end_id: str
    instruction_id: str
    uetr: str
    amount_minor: int
    currency: str
    ultimate_debtor: UltimateDebtor | None
    """The line's own, else the block's."""
    creditor_name: str
    creditor_address: PostalAddress | None
    creditor_identity: Identity | None
    creditor_iban: str
    creditor_other: str
    """The account's number where it has no IBAN."""
    creditor_account_currency: str
    creditor_agent: str
    creditor_agent_member: ClearingMember | None
    creditor_agent_country: str
    remittance_information: str
    remittance_cut: str
    """What was cut off it, where the submitter allows that; "" if nothing was."""
    creditor_reference: str
    charge_bearer: ChargeBearer
    purpose: str
    category_purpose: str
    notices: tuple[Notice, ...]
    refusals: tuple[Refusal, ...]

    @property
    def payment_information_id(self) -> str:
        """The block's PmtInfId."""
        return self.payment_information.payment_information_id

    @property
    def instructed_amount(self) -> Money:
        """The amount; only of a line that is not refused."""
        return Money(minor=self.amount_minor, currency=self.currency)


@dataclass(frozen=True, slots=True)
class CreditTransferFile:
    """A whole file, read to its end, whose counts and sums agree."""

    version: str
    """For example pain.001.001.09."""
    message_id: str
    created_at: datetime | None
    """Aware; a time without offset is taken as UTC. None where it is no time: lines are refused."""
    initiating_party: str
    """Its name, or what else the file calls it by."""
    initiating_party_key: str
    """Name and identifications in one text, which is part of each line's key."""
    control_sum: Decimal
    """The sum over all lines whatever their currency, as we computed it."""
    lines: tuple[Line, ...]
