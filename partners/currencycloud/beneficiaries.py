"""The creditor as a beneficiary at Currencycloud: found by our own reference, or made."""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from typing import Final

from domain.clock import Clock
from domain.ids import hashed
from domain.lifecycle.answers import NotReady, PreparedKey, PreparedObject, Unprepared
from domain.payments.answers import Subject
from domain.payments.order import Order, Rail
from domain.payments.report import PaymentState, Report, Source
from partners.currencycloud import error_bodies, mapping, refusals, wire
from partners.currencycloud.corridors import Corridors
from partners.currencycloud.creditors import (
    as_shown,
    bank_country,
    bank_details,
    is_account,
    is_named,
    names,
)
from partners.currencycloud.requirements import Unfit
from partners.interface import PreparedBook
from partners.kit.calls import Calls, Reply
from partners.kit.content import form
from partners.kit.wire import Unusable

log = logging.getLogger("finality.partners")

_FIND: Final = "/v2/beneficiaries/find"
_VALIDATE: Final = "/v2/beneficiaries/validate"
_CREATE: Final = "/v2/beneficiaries/create"
_READ: Final = "/v2/beneficiaries"
_PURPOSE: Final = "beneficiary"


class Beneficiaries:
    """Finds or makes beneficiaries; moves no money.

    A tenant's creditor is made once, even if several payments to it start at the same time.
    """

    def __init__(self, calls: Calls, clock: Clock, prepared: PreparedBook, place: str) -> None:
        self._calls = calls
        self._clock = clock
        self._prepared = prepared
        self._place = place
        self._corridors = Corridors(calls, clock)

    async def ensure(self, subject: Subject) -> str | Unprepared:
        """The id of a beneficiary that is the order's creditor.

        A beneficiary that is on record is read by its id. If none is on record, one payment at a
        time looks it up by our own reference, and makes it if it does not exist.
        """
        if problem := await self._unfit(subject):
            return problem
        order, by = subject.order, secrets.token_hex(8)
        key = PreparedKey(self._place, _PURPOSE, external_reference(order))
        known = await self._prepared.claim(key, by)
        if isinstance(known, PreparedObject):
            answer = await self._known(order, known)
            if answer is not None:
                return answer
            await self._prepared.forget(key, known.reference, by)
            known = await self._prepared.claim(key, by)
        if isinstance(known, NotReady):
            return Unprepared(known.why, retry_at=known.until)
        if known is not None:
            return known.reference  # Another payment has made it again in the meantime.
        found = await self._found_or_made(subject, key, by)
        if isinstance(found, _Nothing):
            await self._prepared.release(key, by)
            return found.why
        return found

    async def _known(self, order: Order, known: PreparedObject) -> str | Unprepared | None:
        """The id of the beneficiary on record. None: it was deleted or changed, so make another."""
        reply = await self._calls.get(f"{_READ}/{known.reference}", _acting(order))
        if reply.status == 404:
            log.warning(
                "beneficiary %s was deleted at Currencycloud; a new one is created", known.reference
            )
            return None
        if not reply.is_success:
            return reply.unprepared()
        shown = wire.read_beneficiary(reply.body)
        if isinstance(shown, Unusable):
            return reply.unprepared(shown.why)
        if is_account(shown, order) and (
            is_named(shown, order) or known.is_as_made(as_shown(shown))
        ):
            return known.reference
        if known.is_as_made(as_shown(shown)):
            return _another(reply)  # They showed it so from the start; another would be the same.
        log.warning(
            "beneficiary %s was changed at Currencycloud; a new one is created", known.reference
        )
        return None

    async def _found_or_made(
        self, subject: Subject, key: PreparedKey, by: str
    ) -> str | Unprepared | _Nothing:
        """Called with the lease held. `_Nothing`: none was made, so the lease may be given back."""
        order = subject.order
        found = await self._sought(subject)
        if isinstance(found, Unprepared):
            return _Nothing(found)
        if found is not None:
            return (await self._prepared.made(key, found.id, as_shown(found))).reference
        if not await self._prepared.extend(key, by):
            return Unprepared("the search for the creditor took too long, and is repeated")
        made = await self._calls.make(_CREATE, form({**_beneficiary(order), **_acting(order)}))
        if problem := self._problem(subject, made):
            # In doubt, the lease is kept until it ends. If a beneficiary was made, the next
            # lookup finds it by then.
            return problem if made.is_in_doubt else _Nothing(problem)
        beneficiary = wire.read_beneficiary(made.body)
        if isinstance(beneficiary, Unusable):
            return made.unprepared(beneficiary.why)
        kept = await self._prepared.made(key, beneficiary.id, as_shown(beneficiary))
        return kept.reference if is_account(beneficiary, order) else _another(made)

    async def examine(self, subject: Subject) -> str | Unprepared | None:
        """Ask everything that is asked before a beneficiary is made, but make nothing.

        Returns the id if the beneficiary exists, None if it could be made.
        """
        if problem := await self._unfit(subject):
            return problem
        found = await self._sought(subject)
        return found.id if isinstance(found, wire.Beneficiary) else found

    async def _sought(self, subject: Subject) -> wire.Beneficiary | Unprepared | None:
        """The beneficiary with our reference that is the creditor. None: it may be made."""
        order = subject.order
        found = await self._find(order)
        if isinstance(found, Unprepared):
            return found
        for one in found:
            if is_account(one, order) and is_named(one, order):
                return one
        valid = await self._calls.ask(_VALIDATE, form({**bank_details(order), **_acting(order)}))
        return self._problem(subject, valid)

    async def _unfit(self, subject: Subject) -> Unprepared | None:
        """SEPA needs an IBAN and nothing else; for other corridors their reference is asked."""
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
        fields = {
            "beneficiary_external_reference": external_reference(order),
            "scope": "own",
            "order": "created_at",
            **_acting(order),
        }
        reply = await self._calls.ask(_FIND, form(fields))
        if not reply.is_success:
            return reply.unprepared()
        page = wire.read_beneficiaries(reply.body)
        return reply.unprepared(page.why) if isinstance(page, Unusable) else list(page)

    def _problem(self, subject: Subject, reply: Reply) -> Unprepared | None:
        """Why the creditor is not made; None if the reply is a success."""
        if reply.is_success:
            return None
        refusal = error_bodies.read_refusal(reply.body)
        if refusal and refusals.of_beneficiary(reply.status, refusal) is refusals.Proves.REFUSED:
            report = mapping.refused(subject, refusal, reply.asked_at)
            return Unprepared(f"the creditor was refused: {report.reason}", refused=report,
                              exchange=reply.exchange)  # fmt: skip
        return reply.unprepared()


@dataclass(frozen=True)
class _Nothing:
    """Certainly no beneficiary was made; `why` has the reason."""

    why: Unprepared


def external_reference(order: Order) -> str:
    """Our reference of a creditor: the same for every payment of a tenant to that creditor."""
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


def _another(reply: Reply) -> Unprepared:
    return reply.unprepared(
        "Currencycloud created another beneficiary than we asked for; have it deleted there"
    )


def never(subject: Subject, unfit: Unfit, clock: Clock) -> Unprepared:
    """Refused before anything is sent, because no later try could succeed."""
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
