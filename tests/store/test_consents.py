"""Consents in the store: recorded once, answered once, renewed, and kept sealed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, select

from assembly import KINDS
from domain.consents.answers import ConsentSubject
from domain.consents.fold import DECLINED
from domain.consents.instructions import KIND
from domain.consents.instructions import ConsentInstruction as Kind
from domain.consents.report import ConsentState, Report, Source
from domain.consents.terms import Renewal
from domain.lifecycle.grants import Grant
from domain.lifecycle.profile import Profile
from domain.lifecycle.resource import UnknownResource
from domain.lifecycle.sending import Move
from regimes.consents import Regime, terms_on
from store.accepting import KeyReused
from store.callbacks import CallbackRefused
from store.commands import CommandReused
from store.consent_changes import Taken
from store.consent_renewals import CannotRenew, RenewCommand
from store.consents import Consents, GivenConsent
from store.database import Database
from store.evidence import keep_report
from store.folding import Folding
from store.halts import Halts
from store.keyring import Keyring
from store.page import page_of
from store.payments import Payments
from store.payments import row as resource_row
from store.references import keep_object
from store.schema import upgrade
from store.sending import SendBook
from store.tables.lifecycles import InstructionRow
from tests.clock import SteppedClock
from tests.consents.bank import ISSUER, profile
from tests.consents.home import BROWSER, asked
from tests.store.books import KEYRING, Store, opened

S = ConsentState
DAY = timedelta(days=1)
CONSENT = "con_1"
ASK = f"{CONSENT}/ask/1"
ANSWERS = profile(Kind.ANSWER, Kind.RENEW)


@dataclass
class Desk:
    """The repository, and the little that tests need besides."""

    database: Database
    clock: SteppedClock
    keyring: Keyring = KEYRING

    def __post_init__(self) -> None:
        self.consents = Consents(self.database, self.keyring, KINDS)
        self.book = SendBook(self.database, self.keyring, KINDS)
        self.payments = Payments(self.database, self.keyring, KINDS)

    async def ask(
        self,
        consent_id: str = CONSENT,
        *,
        key: str = "k",
        fingerprint: str = "f",
        of: Profile = ANSWERS,
        issuer: str | None = ISSUER,
        **fields: Any,
    ) -> Taken:
        now = self.clock.now()
        request = asked(
            **{
                "submit_before": now + DAY,
                "authorise_by": now + DAY,
                "terms": terms_on(Regime.PSD2, now.date()),
                **fields,
            }
        )
        given = GivenConsent(request, key, fingerprint, consent_id, of, BROWSER, issuer)
        return await self.consents.accept(given, now)

    async def subject(self, instruction_id: str = ASK) -> ConsentSubject:
        draft = await self.book.draft(instruction_id, self.clock.now())
        found: ConsentSubject = draft.subject
        return found

    async def back(self, **fields: str) -> dict[str, str]:
        """The parameters of the callback for the consent."""
        callback = (await self.subject()).callback
        assert callback is not None
        return {"state": callback.state, "iss": ISSUER, **(fields or {"code": "c0de"})}

    async def answer(self, params: Mapping[str, str], **fields: str) -> Taken:
        how = {"tenant": "shop", "browser_session": BROWSER, **fields}
        return await self.consents.answer(params=params, now=self.clock.now(), **how)

    async def renew(self, command_id: str = "r", **fields: Any) -> Taken:
        given = {"by": "u-1", "browser_session": BROWSER, "issuer": ISSUER}
        tenant = fields.pop("tenant", "shop")
        renewal = RenewCommand(command_id, **{**given, **fields})
        return await self.consents.renew(
            CONSENT, tenant=tenant, renewal=renewal, now=self.clock.now()
        )

    async def hear(self, state: S, consent_id: str = CONSENT, **fields: Any) -> None:
        """The bank says that the consent is in this state."""
        now = self.clock.step(timedelta(seconds=1))
        report = Report(
            instruction_id=f"{consent_id}/ask/1", source=Source.READ, as_of=now, state=state,
            partner_status=state, partner_reference=f"at-{consent_id}", **fields,
        )  # fmt: skip

        def transaction(session: Session) -> None:
            row = resource_row(session, consent_id)
            ask = page_of(session, consent_id).instruction(report.instruction_id)
            keep_object(session, ask, f"at-{consent_id}", now)
            keep_report(session, consent_id, report, now)
            Folding(self.keyring, KINDS).refold(session, row, now)

        await self.database.write(transaction)

    async def instructions(self) -> list[str]:
        rows = select(InstructionRow.kind).where(InstructionRow.resource_id == CONSENT)
        return sorted(await self.database.read(lambda session: session.exec(rows).all()))

    async def state(self, consent_id: str = CONSENT) -> S:
        return (await self.consents.record(consent_id, "shop")).consent.state


@pytest.fixture
def desk(store: Store, clock: SteppedClock) -> Desk:
    return Desk(store.database, clock)


async def test_a_request_is_recorded_once_under_its_key(desk: Desk) -> None:
    assert (await desk.ask()).is_new
    again = await desk.ask()
    assert (again.is_new, again.view.consent_id) == (False, CONSENT)
    with pytest.raises(KeyReused):
        await desk.ask("con_2", fingerprint="other")
    assert await desk.consents.known("shop", "k", "f") == CONSENT
    assert await desk.consents.known("shop", "other", "f") is None
    with pytest.raises(KeyReused):
        await desk.consents.known("shop", "k", "other")


async def test_another_tenants_consent_looks_unknown(desk: Desk) -> None:
    await desk.ask()
    assert (await desk.consents.record(CONSENT, None)).view.consent_id == CONSENT
    with pytest.raises(UnknownResource):
        await desk.consents.record(CONSENT, "another")
    with pytest.raises(UnknownResource):
        await desk.renew(tenant="another")
    with pytest.raises(UnknownResource):
        await desk.ask("con_2", key="k2", renews=CONSENT, tenant="another")


async def test_a_consent_is_no_payment(desk: Desk) -> None:
    await desk.ask()
    with pytest.raises(UnknownResource):
        await desk.payments.record(CONSENT)
    assert await desk.payments.records_of("shop", ["k"]) == {}


async def test_the_adapter_is_told_how_the_user_comes_back(desk: Desk) -> None:
    await desk.ask()
    callback = (await desk.subject()).callback
    assert callback is not None
    assert len(callback.state) >= 43
    assert len(callback.verifier) >= 43
    assert len(callback.challenge) == 43
    assert callback.verifier not in repr(callback)
    assert callback.state not in repr(await desk.subject())


async def test_a_code_is_handed_over_once_with_its_verifier(desk: Desk) -> None:
    await desk.ask()
    back = await desk.back(code="c0de")
    taken = await desk.answer(back)
    assert taken.is_new
    assert taken.view.has_news
    (answer,) = [each for each in taken.view.instructions if each.kind == Kind.ANSWER]
    subject = await desk.subject(answer.instruction_id)
    assert subject.answer == back
    assert subject.callback == (await desk.subject()).callback
    assert not (await desk.answer(back)).is_new
    assert not (await desk.answer({**back, "code": "another"})).is_new
    assert await desk.instructions() == ["answer", "ask"]


async def test_without_a_code_or_an_exchange_a_callback_only_causes_a_read(desk: Desk) -> None:
    await desk.ask(of=profile())
    taken = await desk.answer(await desk.back(code="c0de"))
    assert taken.view.has_news
    assert await desk.instructions() == ["ask"]


async def test_a_user_who_comes_back_with_an_error_has_declined_for_now(desk: Desk) -> None:
    await desk.ask()
    await desk.hear(S.AWAITING_USER)
    taken = await desk.answer(await desk.back(error="access_denied\n<script>"))
    assert taken.view.consent.declined == "access_deniedscript"
    assert taken.view.consent.state is S.AWAITING_USER
    assert await desk.instructions() == ["ask"]
    assert DECLINED not in (taken.view.consent.partner_status or "")


@pytest.mark.parametrize(
    ("params", "how", "wrong"),
    [
        ({"state": "forged"}, {}, "state"),
        ({}, {"tenant": "another"}, "state"),
        ({}, {"browser_session": "another browser's"}, "session"),
        ({"iss": "https://evil.example"}, {}, "iss"),
        ({"iss": ""}, {}, "iss"),
    ],
)
async def test_a_foreign_callback_does_nothing(
    desk: Desk, params: dict[str, str], how: dict[str, str], wrong: str
) -> None:
    await desk.ask()
    back = await desk.back()
    with pytest.raises(CallbackRefused, match=f"^{wrong}: ") as refused:
        await desk.answer({**back, **params}, **how)
    assert back["state"] not in str(refused.value)
    assert await desk.instructions() == ["ask"]
    assert (await desk.answer(back)).is_new


async def test_a_bank_that_sends_no_issuer_is_asked_for_none(desk: Desk) -> None:
    await desk.ask(issuer=None)
    back = await desk.back()
    del back["iss"]
    assert (await desk.answer(back)).is_new


async def test_a_late_callback_sees_how_the_consent_stands(desk: Desk) -> None:
    await desk.ask()
    back = await desk.back()
    await desk.hear(S.REJECTED)
    late = await desk.answer(back)
    assert (late.is_new, late.view.consent.state) == (False, S.REJECTED)
    assert await desk.instructions() == ["ask"]


async def test_a_renewal_at_the_bank_is_an_instruction_with_a_callback_of_its_own(
    desk: Desk,
) -> None:
    terms = terms_on(Regime.PSD2, desk.clock.now().date())
    await desk.ask(terms=terms.model_copy(update={"renewal": Renewal.SAME}))
    with pytest.raises(CannotRenew, match="not authorised the consent yet"):
        await desk.renew()
    await desk.hear(S.ACTIVE)
    assert (await desk.renew()).is_new
    assert not (await desk.renew()).is_new
    with pytest.raises(CommandReused):
        await desk.renew(by="somebody else")
    assert await desk.instructions() == ["ask", "renew"]
    view = (await desk.consents.record(CONSENT, "shop")).view
    (renewal,) = [each for each in view.instructions if each.kind == Kind.RENEW]
    callback = (await desk.subject(renewal.instruction_id)).callback
    assert callback is not None
    assert callback != (await desk.subject()).callback


async def test_a_confirmation_with_us_asks_no_bank(desk: Desk) -> None:
    day = desk.clock.now().date()
    await desk.ask(regime="uk", terms=terms_on(Regime.UK, day))
    await desk.hear(S.ACTIVE)
    desk.clock.step(91 * DAY)
    await desk.hear(S.ACTIVE)
    assert await desk.state() is S.NEEDS_REAUTH
    assert (await desk.renew()).view.consent.state is S.ACTIVE
    assert await desk.instructions() == ["ask"]


async def test_where_a_new_consent_renews_it_no_other_way_does(desk: Desk) -> None:
    await desk.ask()
    await desk.hear(S.ACTIVE)
    with pytest.raises(CannotRenew, match="by a new one"):
        await desk.renew()


async def test_a_newer_consent_supersedes_the_former_once_it_is_active(desk: Desk) -> None:
    await desk.ask()
    await desk.hear(S.ACTIVE)
    await desk.ask("con_2", key="k2", renews=CONSENT)
    await desk.hear(S.AWAITING_USER, "con_2")
    await desk.payments.escalate(desk.clock.now(), limit=10)
    assert await desk.state() is S.ACTIVE
    for _ in range(2):  # Once, however often the newer one is folded.
        await desk.hear(S.ACTIVE, "con_2")
    assert (await desk.payments.escalate(desk.clock.now(), limit=10)).payments == 1
    assert await desk.state() is S.SUPERSEDED
    assert await desk.state("con_2") is S.ACTIVE


async def test_consents_are_found_by_user_and_by_the_time_to_renew(desk: Desk) -> None:
    await desk.ask()
    await desk.ask("con_2", key="k2", renews=CONSENT)
    until = desk.clock.now() + 9 * DAY
    await desk.hear(S.ACTIVE, "con_2", grant=Grant(valid_until=until))

    async def ids(**by: Any) -> list[str]:
        return [each.view.consent_id for each in await desk.consents.find(**by)]

    assert set(await ids()) == {CONSENT, "con_2"}
    assert set(await ids(tenant="shop", user_id="u-1")) == {CONSENT, "con_2"}
    assert await ids(tenant="shop", user_id="u-2") == []
    assert await ids(tenant="another") == []
    assert await ids(renew_before=until) == []
    assert await ids(renew_before=until + DAY) == ["con_2"]
    assert (await desk.consents.record("con_2", "shop")).renews == CONSENT


async def test_nothing_that_lets_anybody_act_stands_in_the_clear(
    tmp_path: Path, clock: SteppedClock
) -> None:
    """A file can be searched whole. What is sealed does not depend on the database."""
    file = tmp_path / "searched.db"
    desk = Desk(opened(file), clock)
    upgrade(desk.database)
    await desk.ask()
    back = await desk.back(code="canary-code")
    callback = (await desk.subject()).callback
    assert callback is not None
    await desk.answer(back)
    desk.database.close()
    written = b"".join(path.read_bytes() for path in tmp_path.glob("searched.db*"))
    assert CONSENT.encode() in written
    for canary in (
        callback.state, callback.verifier, "canary-code", BROWSER, "wilhelmina", "u-1",
        "203.0.113.7",
    ):  # fmt: skip
        assert canary.encode() not in written, canary


def test_a_kind_names_itself() -> None:
    assert KINDS[KIND].name == KIND


async def test_a_halt_of_everything_stops_no_consent(desk: Desk) -> None:
    halts = Halts(desk.database)
    await halts.halt(by="alice", why="a payment looks wrong", now=desk.clock.now())
    await desk.ask()
    draft = await desk.book.draft(ASK, desk.clock.now())
    assert draft.move is Move.SEND
