"""An adapter for an access to the simulated bank."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import pytest

from assembly import MachineClock
from domain.lifecycle.answers import Accepted, Answered, Deadline, Prepared, Submitted
from domain.lifecycle.profile import InstructionKind
from domain.lifecycle.report import Report
from domain.payments.answers import Subject
from domain.payments.order import Order
from partners.berlin_group.account import BerlinGroupAccount
from partners.berlin_group.client import BerlinGroupPartner
from partners.berlin_group.registration import BERLIN_GROUP
from partners.kit.workplace import Workplace
from tests.partners.conformance.bench import new_key
from tests.partners.currencycloud.scripted import ORDER as SOME_ORDER
from tests.partners.currencycloud.scripted import FakeLoginBook, FakePreparedBook
from tests.simulators.berlin_group.conftest import Tpp, bank, openapi
from tests.simulators.conftest import ending
from transport.http import Transport

__all__ = ["bank", "ending", "openapi"]

ORDER: Final = SOME_ORDER.model_copy(update={"partner": "berlin_group"})


@dataclass
class Paying:
    """A payment on its way to a bank, and what the adapter says of it."""

    adapter: BerlinGroupPartner
    tpp: Tpp
    subject: Subject

    async def submit(self) -> Submitted:
        prepared = await self.adapter.prepare(self.subject)
        assert isinstance(prepared, Prepared), prepared
        self.subject = replace(self.subject, prepared=prepared.request.prepared)
        end = datetime.now(UTC) + timedelta(seconds=10)
        submitted = await self.adapter.submit(self.subject, prepared.request, Deadline(end, end))
        if isinstance(submitted, Accepted):
            reference = submitted.report.partner_reference
            self.subject = replace(self.subject, partner_reference=reference)
        return submitted

    async def accepted(self) -> Report:
        submitted = await self.submit()
        assert isinstance(submitted, Accepted), submitted
        return submitted.report

    async def was_read(self) -> Report:
        read = await self.adapter.read(self.subject)
        assert isinstance(read, Answered), read
        return read.report

    @property
    def shown(self) -> dict[str, Any]:
        """The payment as the bank's control endpoint names it."""
        return {"paymentId": self.subject.partner_reference}

    async def taken_back(self) -> Paying:
        key = new_key(self.adapter, InstructionKind.CANCEL)
        kind = InstructionKind.CANCEL
        subject = replace(
            self.subject, instruction_id="pay_1/cancel/1", keys=(key,), kind=kind, prepared={}
        )
        return Paying(self.adapter, self.tpp, subject)


Pays = Callable[..., Paying]


def account(address: str, **settings: Any) -> BerlinGroupAccount:
    given = {"base_url": address, "simulated": True, **BERLIN_GROUP.simulated("")}
    return BerlinGroupAccount.model_validate({**given, **settings})


@pytest.fixture
async def pays() -> AsyncIterator[Pays]:
    """Makes payments at a bank, over accesses with other settings where a test gives them."""
    adapters = []

    def pay(tpp: Tpp, order: Order = ORDER, **settings: Any) -> Paying:
        clock = MachineClock()
        transport = partial(Transport, clock=clock)
        workplace = Workplace(clock, FakeLoginBook(held=None), FakePreparedBook(), transport)
        adapter = BerlinGroupPartner(account(tpp.address, **settings), workplace)
        adapters.append(adapter)
        return Paying(adapter, tpp, Subject("pay_1/pay/1", order, (new_key(adapter),)))

    yield pay
    for adapter in adapters:
        await adapter.close()
