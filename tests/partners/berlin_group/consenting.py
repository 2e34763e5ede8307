"""A consent on its way to a bank, and what the adapter says of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from assembly import MachineClock
from domain.consents.answers import ConsentSubject
from domain.consents.instructions import ConsentInstruction as Kind
from domain.consents.report import Report
from domain.consents.request import ConsentRequest, Permission, User
from domain.lifecycle.answers import Accepted, Answered, Deadline, Prepared, Submitted
from domain.lifecycle.callback import Callback
from partners.berlin_group.consents import BerlinGroupConsents
from partners.kit.workplace import Workplace
from regimes.consents import Regime, terms_on
from tests.partners.berlin_group.conftest import account
from tests.partners.currencycloud.scripted import FakeLoginBook, FakePreparedBook
from tests.simulators.berlin_group.conftest import Tpp
from transport.http import Transport

STATE: Final = "the-state-by-which-the-callback-is-recognised"


def request(**fields: Any) -> ConsentRequest:
    now = datetime.now(UTC)
    return ConsentRequest(
        **{
            "tenant": "shop",
            "partner": "berlin_group",
            "partner_account": "main",
            "user": User(user_id="u-1", psu_id="paula", ip_address="203.0.113.7"),
            "permissions": (Permission.BALANCES, Permission.TRANSACTIONS),
            "return_url": "https://app.test/back?from=bank",
            "regime": "psd2",
            "terms": terms_on(Regime.PSD2, now.date()),
            **fields,
        }
    )


@dataclass
class Consenting:
    """One consent. Every call goes through the adapter."""

    adapter: BerlinGroupConsents
    tpp: Tpp
    subject: ConsentSubject

    async def submit(self) -> Submitted:
        prepared = await self.adapter.prepare(self.subject)
        assert isinstance(prepared, Prepared), prepared
        self.subject = replace(self.subject, prepared=prepared.request.prepared)
        end = datetime.now(UTC) + timedelta(seconds=10)
        submitted = await self.adapter.submit(self.subject, prepared.request, Deadline(end, end))
        if isinstance(submitted, Accepted) and self.subject.kind is Kind.ASK:
            reference = submitted.report.partner_reference
            self.subject = replace(self.subject, partner_reference=reference)
        return submitted

    async def accepted(self) -> Report:
        submitted = await self.submit()
        assert isinstance(submitted, Accepted), submitted
        return report_of(submitted.report)

    async def was_read(self) -> Report:
        read = await self.adapter.read(self.subject)
        assert isinstance(read, Answered), read
        return report_of(read.report)

    async def active(self) -> Report:
        """Ask, have the user approve on the page, and read."""
        report = await self.accepted()
        assert report.action is not None
        assert report.action.url is not None
        self.tpp.click(report.action.url, "approve")
        return await self.was_read()

    def ended(self) -> Consenting:
        """Its end, to be submitted."""
        subject = replace(
            self.subject, instruction_id="con_1/revoke", keys=(new_key(),), kind=Kind.REVOKE,
            prepared={}, callback=None,
        )  # fmt: skip
        return Consenting(self.adapter, self.tpp, subject)

    def apply(self, what: str, **param: Any) -> None:
        path = f"payments/{self.subject.partner_reference}"
        self.tpp.control(path, {"fault": what, "param": param})


def report_of(report: object) -> Report:
    assert isinstance(report, Report)
    return report


def new_key() -> str:
    return uuid.uuid4().hex


Asks = Callable[..., Consenting]


def consenting(tpp: Tpp, of: ConsentRequest | None = None, **settings: Any) -> Consenting:
    """A new consent at a bank, over an access with these settings."""
    clock = MachineClock()
    transport = partial(Transport, clock=clock)
    workplace = Workplace(clock, FakeLoginBook(held=None), FakePreparedBook(), transport)
    adapter = BerlinGroupConsents(account(tpp.address, **settings), workplace)
    callback = Callback(state=STATE, challenge="", verifier="")
    subject = ConsentSubject(
        "con_1/ask", of or request(), (new_key(),), Kind.ASK, callback=callback
    )
    return Consenting(adapter, tpp, subject)
