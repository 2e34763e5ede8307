"""A file of credit transfers as read: its lines, each with its refusals and notices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from domain.accounts import ClearingMember
from domain.money import Money
from domain.party import Identification, PartyKind, PostalAddress
from domain.payments.order import ChargeBearer, Rail
from regimes.refusal import Refusal

NOT_PROVIDED = "NOTPROVIDED"


class Notice(NamedTuple):
    """A detail that is carried out differently than the file says, without effect on the money."""

    field: str
    text: str


class FileRefused(ValueError):
    """Nothing of the file can be paid.

    `code` is an ISO 20022 ExternalStatusReason1Code. `field` is the element, or "" if the file is
    not a credit transfer file at all. The text names the remedy. `message_id` and `version` are
    the file's, or "" if it was refused before they were read.
    """

    def __init__(self, code: str, field: str, text: str) -> None:
        super().__init__(f"{code} {field}: {text}" if field else f"{code} {text}")
        self.code = code
        self.field = field
        self.text = text
        self.message_id = ""
        self.version = ""


class Identity(NamedTuple):
    """What a file says about a party in addition to name and address."""

    kind: PartyKind
    birth_date: date | None
    identification: Identification | None


class UltimateDebtor(NamedTuple):
    """The party that owes the money, if the file says that it is not the account holder."""

    name: str
    address: PostalAddress | None
    identity: Identity | None


@dataclass(frozen=True, slots=True)
class PaymentInformation:
    """The values that the lines of one PmtInf block share. Absent texts are empty."""

    payment_information_id: str
    requested_execution_date: date | None
    debtor_name: str
    debtor_address: PostalAddress | None
    debtor_iban: str
    debtor_other: str
    """The account's number if it has no IBAN."""
    debtor_account_currency: str
    debtor_agent: str
    """BIC as the file gives it. The mapped account decides which bank pays."""
    ultimate_debtor: UltimateDebtor | None
    batch_booking: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One CdtTrfTxInf. A refused line has the values that could be read. Absent texts are empty.

    A plain class with slots, because a file may have a few hundred thousand lines.
    """

    position: int
    """Position in the original file, counted through all blocks, from 1."""
    source_line: int
    """Number of the text line at which the element begins, from 1."""
    payment_information: PaymentInformation
    rail: Rail
    """The rail that the file asks for, else the cheapest one that reaches the creditor."""
    service: str
    """The service that the file asks for, in the file's codes, such as "HIGH URGP"."""
    end_to_end_id: str
    instruction_id: str
    uetr: str
    amount_minor: int
    currency: str
    ultimate_debtor: UltimateDebtor | None
    """The line's own ultimate debtor, else the block's."""
    creditor_name: str
    creditor_address: PostalAddress | None
    creditor_identity: Identity | None
    creditor_iban: str
    creditor_other: str
    """The account's number if it has no IBAN."""
    creditor_account_currency: str
    creditor_agent: str
    creditor_agent_member: ClearingMember | None
    creditor_agent_country: str
    remittance_information: str
    remittance_cut: str
    """The text that was cut off, if the submitter allows truncation; "" if nothing was cut."""
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
        """The amount; only valid for a line that is not refused."""
        return Money(minor=self.amount_minor, currency=self.currency)


@dataclass(frozen=True, slots=True)
class CreditTransferFile:
    """A whole file, read to its end, whose counts and sums agree."""

    version: str
    """For example pain.001.001.09."""
    message_id: str
    created_at: datetime | None
    """Aware; a time without offset counts as UTC. None if it is not a time, which refuses all
    lines."""
    initiating_party: str
    """Its name, or its identification if it has no name."""
    initiating_party_key: str
    """Name and identifications as one text, which is part of each line's key."""
    control_sum: Decimal
    """The sum of all lines, whatever their currency, as we computed it."""
    lines: tuple[Line, ...]
