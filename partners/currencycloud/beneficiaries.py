"""The creditor as Currencycloud knows it: found by our own reference, or made."""

from __future__ import annotations

from typing import Final

from domain.answers import Exchange, Subject, Unprepared
from domain.clock import Clock
from domain.ids import hashed
from domain.order import Order
from domain.report import PaymentState, Report, Source
from partners.currencycloud import mapping, refusals, wire
from partners.currencycloud.calls import Calls, NoReply, Reply

_FIND: Final = "/v2/beneficiaries/find"
_VALIDATE: Final = "/v2/beneficiaries/validate"
_CREATE: Final = "/v2/beneficiaries/create"
_NAME_LENGTH_MAX: Final = 100


class Beneficiaries:
    """Moves no money. One that was made but whose reply was lost is found the next time."""

    def __init__(self, calls: Calls, clock: Clock) -> None:
        self._calls = calls
        self._clock = clock

    async def ensure(self, subject: Subject) -> str | Unprepared:
        """The id of a beneficiary that is exactly the order's creditor."""
        order = subject.order
        if order.creditor_account.iban is None:
            return _never(subject, "the creditor account has no IBAN", self._clock)
        found = await self._find(order)
        if not isinstance(found, list):
            return found
        if ours := next((each for each in found if _is_creditor(each, order)), None):
            return ours.id
        valid = await self._calls.ask(_VALIDATE, {**_bank_details(order), **_acting(order)})
        if problem := self._problem(subject, valid):
            return problem
        made = await self._calls.make(_CREATE, {**_beneficiary(order), **_acting(order)})
        if problem := self._problem(subject, made):
            return problem
        assert isinstance(made, Reply)
        beneficiary = wire.read_beneficiary(made.body)
        if isinstance(beneficiary, wire.Unusable):
            return _later(beneficiary, made.exchange)
        if not _is_creditor(beneficiary, order):
            return Unprepared("they made another beneficiary than we asked for",
                              exchange=made.exchange)  # fmt: skip
        return beneficiary.id

    async def _find(self, order: Order) -> list[wire.Beneficiary] | Unprepared:
        form = {
            "beneficiary_external_reference": external_reference(order),
            "scope": "own",
            "order": "created_at",
            **_acting(order),
        }
        reply = await self._calls.ask(_FIND, form)
        if isinstance(reply, NoReply):
            return Unprepared(reply.why, retry_at=reply.try_at, exchange=reply.exchange)
        if not reply.is_success:
            return Unprepared(reply.why, retry_at=reply.retry_at(self._clock.now()),
                              exchange=reply.exchange)  # fmt: skip
        page = wire.read_beneficiaries(reply.body)
        return _later(page, reply.exchange) if isinstance(page, wire.Unusable) else list(page[0])

    def _problem(self, subject: Subject, reply: Reply | NoReply) -> Unprepared | None:
        if isinstance(reply, NoReply):
            return Unprepared(reply.why, retry_at=reply.try_at, exchange=reply.exchange)
        if reply.is_success:
            return None
        refusal = wire.read_refusal(reply.body)
        if refusal and refusals.of_beneficiary(reply.status, refusal) is refusals.Proves.REFUSED:
            report = mapping.refused(subject, refusal, reply.asked_at)
            return Unprepared(f"the creditor was refused: {report.reason}", refused=report,
                              exchange=reply.exchange)  # fmt: skip
        return Unprepared(reply.why, retry_at=reply.retry_at(self._clock.now()),
                          exchange=reply.exchange)  # fmt: skip


def external_reference(order: Order) -> str:
    """The same for the same creditor of the same tenant, whatever is paid to them."""
    details = sorted(_beneficiary_fields(order).items())
    parts = [text for pair in details for text in pair]
    return "fin-" + hashed(
        order.tenant, order.on_behalf_of or "", *parts, length=32, alphabet="0123456789abcdef"
    )


def _bank_details(order: Order) -> dict[str, str]:
    iban = order.creditor_account.number
    fields = {
        "bank_country": iban[:2],
        "currency": order.instructed_amount.currency,
        "iban": iban,
        "payment_types[]": "regular",
    }
    if order.creditor_agent:
        fields["bic_swift"] = order.creditor_agent
    address = order.creditor.address
    if address and address.country:
        street = " ".join(filter(None, (address.street_name, address.building_number)))
        lines = {
            "beneficiary_country": address.country,
            "beneficiary_city": address.town_name,
            "beneficiary_postcode": address.post_code,
            "beneficiary_address": street or ", ".join(address.address_lines),
        }
        fields |= {name: value for name, value in lines.items() if value}
    return fields


def _beneficiary_fields(order: Order) -> dict[str, str]:
    name = order.creditor.name
    return {
        **_bank_details(order),
        "name": name[:_NAME_LENGTH_MAX],
        "bank_account_holder_name": name,
    }


def _beneficiary(order: Order) -> dict[str, str]:
    return {
        **_beneficiary_fields(order),
        "beneficiary_external_reference": external_reference(order),
    }


def _acting(order: Order) -> dict[str, str]:
    return {"on_behalf_of": order.on_behalf_of} if order.on_behalf_of else {}


def _is_creditor(found: wire.Beneficiary, order: Order) -> bool:
    """A person may have changed one of ours, so its reference alone proves nothing."""
    return (
        (found.iban or "").replace(" ", "").upper() == order.creditor_account.number
        and found.bank_account_holder_name == order.creditor.name
        and found.currency == order.instructed_amount.currency
    )


def _later(unusable: wire.Unusable, exchange: Exchange) -> Unprepared:
    return Unprepared(
        f"an answer outside the known contract: {'; '.join(unusable.drift)}", exchange=exchange
    )


def _never(subject: Subject, why: str, clock: Clock) -> Unprepared:
    report = Report(
        instruction_id=subject.instruction_id,
        source=Source.REPLY,
        as_of=clock.now(),
        state=PaymentState.REJECTED,
        partner_status="not asked",
        transaction_status="RJCT",
        reason=why,
    )
    return Unprepared(why, refused=report)
