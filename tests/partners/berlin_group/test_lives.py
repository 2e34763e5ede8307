"""The adapter beside banks of every dialect and approach, from the initiation to the end."""

from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from assembly import MachineClock
from domain.lifecycle.answers import (
    Absent,
    Accepted,
    Answered,
    Found,
    Gone,
    InDoubt,
    Refused,
    TurnedAway,
    Unanswered,
)
from domain.payments.report import ActionKind, PaymentState
from partners.berlin_group.client import BerlinGroupPartner
from partners.kit.workplace import Workplace
from tests.conftest import ROOT
from tests.partners.berlin_group.conftest import ORDER, Pays, account
from tests.partners.currencycloud.scripted import FakeLoginBook, FakePreparedBook
from tests.simulators.berlin_group.conftest import Tpp
from tests.transport.pki import Authority
from transport.http import Transport

S = PaymentState
Bank = Callable[[str], Tpp]
#: How our settings describe each dialect of the simulator.
DESCRIBED: dict[str, dict[str, Any]] = {
    "standard": {},
    "absolute": {"explicit_start": True},
    "status_only": {
        "shows_sca_status": False,
        "sends_address_of_psu": True,
        "needs_creditor_address": True,
    },
    "numbers": {"cancels": False},
    "dated": {"sends_date": True},
    "anonymous": {"cancels_by_sca": False},
}


def unreachable() -> Tpp:
    """A bank to which nothing is sent."""
    return Tpp("http://127.0.0.1:9", httpx.Client())


def addressed() -> Any:
    from tests.partners.berlin_group.test_requests import FULL

    return FULL


@pytest.mark.parametrize("dialect", DESCRIBED)
async def test_a_payment_settles_in_every_dialect(bank: Bank, pays: Pays, dialect: str) -> None:
    tpp = bank(dialect)
    paying = pays(tpp, addressed(), dialect=DESCRIBED[dialect])
    report = await paying.accepted()
    assert report.state is S.AWAITING_USER
    assert report.action is not None
    assert (report.action.kind, report.drift) == (ActionKind.REDIRECT, ())
    waiting = await paying.was_read()
    assert waiting.state is S.AWAITING_USER
    assert waiting.action is not None
    assert waiting.action.expires_at == report.action.expires_at
    assert waiting.observed.beneficiary_is_ours
    assert waiting.observed.amount == ORDER.instructed_amount
    assert report.action.url is not None
    tpp.click(report.action.url, "approve")
    assert (await paying.was_read()).state is S.ACCEPTED
    tpp.advance(5)
    settled = await paying.was_read()
    assert (settled.state, settled.transaction_status) == (S.SETTLED, "ACSC")
    tpp.apply("credit", paying.shown)
    assert (await paying.was_read()).state is S.FINAL


async def test_a_bank_that_registers_certificates_turns_the_first_request_away(
    bank: Bank, pays: Pays
) -> None:
    tpp = bank("registering")
    paying = pays(tpp)
    first = await paying.submit()
    assert isinstance(first, TurnedAway)
    assert first.why == "CERTIFICATE_INVALID"
    assert (await paying.accepted()).state is S.AWAITING_USER
    assert len(tpp.control("book")["payments"]) == 1


async def test_a_bank_that_breaks_on_psu_id_refuses_and_names_it(bank: Bank, pays: Pays) -> None:
    refused = await pays(bank("anonymous"), psu_id="paula").submit()
    assert isinstance(refused, Refused)
    assert "PSU-ID" in (refused.report.reason or "")


async def test_a_decoupled_payment_has_no_page(bank: Bank, pays: Pays) -> None:
    tpp = bank("standard")
    paying = pays(tpp, sca="decoupled")
    report = await paying.accepted()
    assert report.action is not None
    assert (report.action.kind, report.action.url) == (ActionKind.CONFIRM, None)
    assert (await paying.was_read()).state is S.AWAITING_USER
    tpp.apply("psu_approves", paying.shown)
    assert (await paying.was_read()).state is S.ACCEPTED


async def test_the_bank_may_ignore_what_we_prefer(bank: Bank, pays: Pays) -> None:
    tpp = bank("standard")
    tpp.choose("decoupled")
    report = await pays(tpp, sca="redirect").accepted()
    assert report.action is not None
    assert report.action.kind is ActionKind.CONFIRM


async def test_an_embedded_payment_is_ours_to_cancel(bank: Bank, pays: Pays) -> None:
    tpp = bank("standard")
    tpp.choose("embedded")
    paying = pays(tpp)
    for report in (await paying.accepted(), await paying.was_read()):
        assert report.state is S.AWAITING_US
        assert "password or code" in (report.reason or "")
    assert isinstance(await (await paying.taken_back()).submit(), Accepted)
    assert (await paying.was_read()).state is S.CANCELLED


async def test_an_exempted_payment_waits_for_nobody(bank: Bank, pays: Pays) -> None:
    tpp = bank("standard")
    tpp.choose("exempted")
    report = await pays(tpp).accepted()
    assert (report.state, report.action) == (S.ACCEPTED, None)


async def test_a_second_authoriser_gets_a_page_of_their_own(bank: Bank, pays: Pays) -> None:
    tpp = bank("standard")
    tpp.control("authorisers", {"authorisers": 2})
    paying = pays(tpp)
    first = await paying.accepted()
    assert first.action is not None
    assert first.action.url is not None
    tpp.click(first.action.url, "approve")
    second = await paying.was_read()
    assert (second.state, second.partner_status) == (S.AWAITING_USER, "PATC")
    assert second.action is not None
    assert second.action.url not in (None, first.action.url)
    tpp.click(second.action.url or "", "approve")
    assert (await paying.was_read()).state is S.ACCEPTED


async def test_a_refusal_of_the_payer_is_a_rejection_with_its_reason(
    bank: Bank, pays: Pays
) -> None:
    tpp = bank("standard")
    paying = pays(tpp)
    report = await paying.accepted()
    assert report.action is not None
    tpp.click(report.action.url or "", "refuse")
    rejected = await paying.was_read()
    assert (rejected.state, rejected.reason) == (S.REJECTED, "the PSU refused")
    assert rejected.status_reason == "NARR"


async def test_a_lack_of_funds_is_said_in_iso_words(bank: Bank, pays: Pays) -> None:
    tpp = bank("standard")
    paying = pays(tpp)
    report = await paying.accepted()
    debtor = ORDER.debtor_account.iban
    tpp.control("funds", {"iban": debtor, "amount": -99_999_999})
    assert report.action is not None
    tpp.click(report.action.url or "", "approve")
    tpp.advance(1)
    rejected = await paying.was_read()
    assert (rejected.state, rejected.status_reason) == (S.REJECTED, "AM04")


async def test_a_cancel_that_the_payer_confirms_shows_its_page_and_then_is_done(
    bank: Bank, pays: Pays
) -> None:
    tpp = bank("standard")
    paying = pays(tpp)
    report = await paying.accepted()
    assert report.action is not None
    tpp.click(report.action.url or "", "approve")
    cancel = await paying.taken_back()
    assert isinstance(await cancel.adapter.find(cancel.subject), Absent)
    submitted = await cancel.submit()
    assert isinstance(submitted, Accepted)
    assert submitted.report.state is S.AWAITING_USER
    action = submitted.report.action
    assert action is not None
    assert action.url not in (None, report.action.url)
    waiting = await paying.was_read()
    assert (waiting.state, waiting.reason) == (
        S.AWAITING_USER, "the cancellation waits for the payer",
    )  # fmt: skip
    tpp.click(action.url or "", "approve")
    assert isinstance(await cancel.adapter.find(cancel.subject), Found)
    assert (await paying.was_read()).state is S.CANCELLED
    assert isinstance(await cancel.submit(), InDoubt), "the lookup says that it is cancelled"


async def test_an_amount_that_is_a_number_is_read_exactly(bank: Bank, pays: Pays) -> None:
    paying = pays(bank("numbers"), dialect=DESCRIBED["numbers"])
    await paying.accepted()
    assert (await paying.was_read()).observed.amount == ORDER.instructed_amount


async def test_an_authorisation_that_failed_is_over_at_once(bank: Bank, pays: Pays) -> None:
    """Three wrong codes, say. The deadline that has passed makes the engine cancel the payment."""
    tpp = bank("standard")
    paying = pays(tpp)
    await paying.accepted()
    listed = tpp.get(
        f"/v1/payments/sepa-credit-transfers/{paying.shown['paymentId']}/authorisations"
    )
    tpp.control("faults", [_says("failed", listed["authorisationIds"][0])])
    report = await paying.was_read()
    assert report.state is S.AWAITING_USER
    assert report.action is not None
    assert report.action.expires_at is not None
    assert report.action.expires_at <= MachineClock().now()


@pytest.mark.parametrize(
    ("word", "state"),
    [("unconfirmed", S.AWAITING_US), ("psuIdentified", S.AWAITING_USER), ("new", S.AWAITING_USER)],
)
async def test_each_word_of_an_authorisation_counts(
    bank: Bank, pays: Pays, word: str, state: PaymentState
) -> None:
    tpp = bank("standard")
    paying = pays(tpp)
    await paying.accepted()
    tpp.control("faults", [_says(word, "")])
    report = await paying.was_read()
    assert report.state is state
    assert report.drift == (("scaStatus: unknown 'new'",) if word == "new" else ())


def _says(word: str, authorisation: str) -> dict[str, Any]:
    """The next `scaStatus` is this word."""
    return {
        "fault": "says_sca",
        "on": f"GET */authorisations/{authorisation}*",
        "param": {"word": word},
    }


async def test_a_word_of_bulk_payments_parks(bank: Bank, pays: Pays) -> None:
    tpp = bank("standard")
    paying = pays(tpp)
    await paying.accepted()
    rule = {"fault": "unknown_status", "on": "GET *", "param": {"status": "PART"}}
    tpp.control("faults", [rule])
    read = await paying.adapter.read(paying.subject)
    assert isinstance(read, Answered)
    assert (read.report.state, read.report.drift) == (None, ("transactionStatus: unknown 'PART'",))


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[tuple[str, Authority]]:
    """The address of a bank that knows one authority."""
    authority = Authority(tmp_path, "authority")
    server = authority.issue("server", is_server=True)
    command = [
        sys.executable, "-m", "simulators.berlin_group", "serve", "--db", str(tmp_path / "b.db"),
        "--certificate", str(server.both), "--client-authority", str(authority.file),
    ]  # fmt: skip
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1], authority
        process.terminate()


async def test_a_certificate_decides_who_is_let_in(
    secured: tuple[str, Authority], tmp_path: Path
) -> None:
    address, authority = secured
    stranger = Authority(tmp_path, "stranger")
    for issuer, is_let_in in ((authority, True), (stranger, False)):
        client = issuer.issue(f"client-{is_let_in}")
        access = account(
            address,
            client_certificate=client.certificate,
            client_key=client.key,
            authorities=authority.file,
        )
        clock = MachineClock()
        workplace = Workplace(
            clock, FakeLoginBook(held=None), FakePreparedBook(), partial(Transport, clock=clock)
        )
        adapter = BerlinGroupPartner(access, workplace)
        not_ready = await adapter.ready()
        await adapter.close()
        assert (not_ready is None) is is_let_in
        if not_ready is not None:
            assert not_ready.needs_person
            assert not_ready.why.startswith("Simulated Bank: ")


def test_a_request_without_a_certificate_is_refused_in_the_banks_words(
    secured: tuple[str, Authority],
) -> None:
    address, authority = secured
    trusting = ssl.create_default_context(cafile=str(authority.file))
    answer = httpx.get(f"{address}/v1/payments/sepa-credit-transfers/1", verify=trusting)
    assert answer.status_code == 401
    assert answer.json()["tppMessages"][0]["code"] == "CERTIFICATE_MISSING"


async def test_a_bank_may_check_a_payment_before_anybody_approved_it(
    bank: Bank, pays: Pays
) -> None:
    """Then the authorisations say that the payer has to act, not `transactionStatus`."""
    tpp = bank("standard")
    paying = pays(tpp)
    early = {"fault": "unknown_status", "times": 2, "param": {"status": "ACTC"}}
    tpp.control("faults", [{**early, "on": "* /v1/payments/sepa-credit-transfers*"}])
    for report in (await paying.accepted(), await paying.was_read()):
        assert (report.partner_status, report.state) == ("ACTC", S.AWAITING_USER)
        assert report.action is not None


async def test_an_authorisation_that_was_begun_and_left_waits_for_nobody(
    bank: Bank, pays: Pays
) -> None:
    tpp = bank("standard")
    paying = pays(tpp)
    report = await paying.accepted()
    own = f"/v1/payments/sepa-credit-transfers/{paying.shown['paymentId']}"
    tpp.ask("POST", f"{own}/authorisations", {})
    assert report.action is not None
    tpp.click(report.action.url or "", "approve")
    for word, state in (("RCVD", S.ACCEPTED), ("ACTC", S.ACCEPTED)):
        rule = {"fault": "unknown_status", "on": f"GET {own}", "param": {"status": word}}
        tpp.control("faults", [rule])
        assert (await paying.was_read()).state is state


async def test_a_payment_that_the_bank_keeps_no_longer_is_gone(bank: Bank, pays: Pays) -> None:
    tpp = bank("standard")
    paying = pays(tpp)
    await paying.accepted()
    for code, kind in (("RESOURCE_EXPIRED", Gone), ("RESOURCE_UNKNOWN", Unanswered)):
        refusal = {"status": 403, "code": code}
        tpp.control("faults", [{"fault": "refused", "on": "GET *", "param": refusal}])
        assert isinstance(await paying.adapter.read(paying.subject), kind)


async def test_a_decoupled_authorisation_is_started_where_the_bank_wants_that(
    bank: Bank, pays: Pays
) -> None:
    tpp = bank("absolute")
    paying = pays(tpp, sca="decoupled", dialect={"explicit_start": True})
    report = await paying.accepted()
    assert report.action is not None
    assert report.action.kind is ActionKind.CONFIRM
    tpp.apply("psu_approves", paying.shown)
    assert (await paying.was_read()).state is S.ACCEPTED
