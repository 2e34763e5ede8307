"""The creditor as Currencycloud knows it: found by our own reference, or made."""

from __future__ import annotations

from typing import Final

from domain.answers import Exchange, Subject, Unprepared
from domain.clock import Clock
from domain.ids import hashed
from domain.order import Order, Rail
from domain.report import PaymentState, Report, Source
from partners.currencycloud import mapping, refusals, wire
from partners.currencycloud.calls import Calls, NoReply, Reply
from partners.currencycloud.corridors import Corridors
from partners.currencycloud.creditors import bank_country, bank_details, is_creditor, names
from partners.currencycloud.requirements import Unfit

_FIND: Final = "/v2/beneficiaries/find"
_VALIDATE: Final = "/v2/beneficiaries/validate"
_CREATE: Final = "/v2/beneficiaries/create"


class Beneficiaries:
    """Moves no money. One that was made but whose reply was lost is found the next time."""

    def __init__(self, calls: Calls, clock: Clock) -> None:
        self._calls = calls
        self._clock = clock
        self._corridors = Corridors(calls, clock)

    async def ensure(self, subject: Subject) -> str | Unprepared:
        """The id of a beneficiary that is exactly the order's creditor."""
        order = subject.order
        known = await self.examine(subject)
        if known is not None:
            return known
        made = await self._calls.make(_CREATE, {**_beneficiary(order), **_acting(order)})
        if problem := self._problem(subject, made):
            return problem
        assert isinstance(made, Reply)
        beneficiary = wire.read_beneficiary(made.body)
        if isinstance(beneficiary, wire.Unusable):
            return _later(beneficiary, made.exchange)
        if not is_creditor(beneficiary, order):
            return Unprepared("they made another beneficiary than we asked for",
                              exchange=made.exchange)  # fmt: skip
        return beneficiary.id

    async def examine(self, subject: Subject) -> str | Unprepared | None:
        """Everything that is asked about the creditor before one is made; nothing is made.

        The id where there is one already; None where one could be made.
        """
        order = subject.order
        if problem := await self._unfit(subject):
            return problem
        found = await self._find(order)
        if not isinstance(found, list):
            return found
        if ours := next((each for each in found if is_creditor(each, order)), None):
            return ours.id
        valid = await self._calls.ask(_VALIDATE, {**bank_details(order), **_acting(order)})
        return self._problem(subject, valid)

    async def _unfit(self, subject: Subject) -> Unprepared | None:
        """SEPA asks for an IBAN and no more; of other corridors they tell what they ask for."""
        order = subject.order
        if order.rail is Rail.SEPA_CREDIT_TRANSFER:
            if order.creditor_account.iban is None:
                unfit = Unfit("AC03", "the creditor account has no IBAN")
                return never(subject, unfit, self._clock)
            return None
        if not bank_country(order):
            why = "creditor_agent: nothing tells the country of the creditor's bank; give its BIC"
            return never(subject, Unfit("AG06", why), self._clock)
        unfit_or_later = await self._corridors.unfit(order)
        if isinstance(unfit_or_later, Unfit):
            return never(subject, unfit_or_later, self._clock)
        return unfit_or_later

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
        return _later(page, reply.exchange) if isinstance(page, wire.Unusable) else list(page)

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


def _beneficiary_fields(order: Order) -> dict[str, str]:
    return {**bank_details(order), **names(order)}


def _beneficiary(order: Order) -> dict[str, str]:
    return {
        **_beneficiary_fields(order),
        "beneficiary_external_reference": external_reference(order),
    }


def _acting(order: Order) -> dict[str, str]:
    return {"on_behalf_of": order.on_behalf_of} if order.on_behalf_of else {}


def _later(unusable: wire.Unusable, exchange: Exchange) -> Unprepared:
    return Unprepared(
        f"an answer outside the known contract: {'; '.join(unusable.drift)}", exchange=exchange
    )


def never(subject: Subject, unfit: Unfit, clock: Clock) -> Unprepared:
    """Refused before anything was sent: no try would end otherwise."""
    report = Report(
        instruction_id=subject.instruction_id,
        source=Source.REPLY,
        as_of=clock.now(),
        state=PaymentState.REJECTED,
        partner_status="not asked",
        transaction_status="RJCT",
        status_reason=unfit.code,
        reason=unfit.why,
    )
    return Unprepared(unfit.why, refused=report)
