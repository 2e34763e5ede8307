"""Whole lives of consents at a bank, over mutual TLS, between real processes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import pytest_asyncio

from domain.consents.report import Action, ActionKind, ConsentState
from domain.consents.request import ConsentRequest, Permission, User
from domain.lifecycle.resource import Certainty
from starter.consents import ConsentReceipt
from tests.journeys.banking import BRIEF, BRIEF_IN_APP, IN_APP, USUAL, Banking, banking
from tests.polling import eventually

S = ConsentState
SESSION: Final = "the-browser-of-one-user-0123456789"
_ASKED: Final = "POST /v1/consents"
_READ: Final = "GET /v1/consents/*"


@dataclass
class Desk:
    """An app that asks users for access to their accounts."""

    bank: Banking

    @property
    def consents(self) -> Any:
        return self.bank.assembly.consents

    async def ask(self, psu: str, account: str = USUAL, **fields: Any) -> ConsentReceipt:
        """Ask one user. Every user of these tests is somebody else."""
        request = ConsentRequest(
            **{
                "tenant": "default",
                "partner": "berlin_group",
                "partner_account": account,
                "user": User(user_id=psu, psu_id=psu, ip_address="203.0.113.7"),
                "permissions": (Permission.ACCOUNTS, Permission.BALANCES),
                "return_url": "https://app.test/back",
                "regime": "psd2",
                **fields,
            }
        )
        receipt: ConsentReceipt = await self.consents.request(
            request, f"key-{psu}", browser_session=SESSION
        )
        return receipt

    async def show(self, consent_id: str) -> ConsentReceipt:
        found: ConsentReceipt = await self.consents.show(consent_id, tenant="default")
        return found

    async def until(self, consent_id: str, *states: S) -> ConsentReceipt:
        async def seen() -> ConsentReceipt | None:
            found = await self.show(consent_id)
            return found if found.consent.state in states else None

        found: ConsentReceipt = await eventually(seen, f"{consent_id} in {states}", 120)
        return found

    async def action(self, consent_id: str) -> Action:
        await self.until(consent_id, S.AWAITING_USER)
        action = (await self.show(consent_id)).action
        assert action is not None
        return action

    async def click(self, action: Action, choice: str) -> dict[str, str]:
        """What a browser does at the bank. Returns the parameters with which it is led back."""
        assert action.url is not None
        async with httpx.AsyncClient(verify=self.bank.trusting) as browser:
            page = await browser.get(action.url)
            assert "Let your accounts be read?" in page.text
            led = await browser.post(f"{action.url}?choice={choice}")
        return dict(parse_qsl(urlsplit(led.headers["location"]).query))

    async def back(self, params: dict[str, str]) -> ConsentReceipt:
        receipt: ConsentReceipt = await self.consents.answer(
            params, tenant="default", browser_session=SESSION
        )
        return receipt

    async def connected(self, psu: str) -> str:
        consent_id = (await self.ask(psu)).consent_id
        await self.back(await self.click(await self.action(consent_id), "approve"))
        await self.until(consent_id, S.ACTIVE)
        return consent_id

    async def at_bank(self, psu: str) -> list[dict[str, Any]]:
        """The user's consents in the bank's own book."""
        book = await self.bank.control("book")
        return [each for each in book["consents"] if each["psu"] == psu]

    async def apply(self, psu: str, what: str, **param: Any) -> None:
        newest = (await self.at_bank(psu))[-1]
        await self.bank.control(f"payments/{newest['id']}", {"fault": what, "param": param})


@pytest_asyncio.fixture(scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with banking(tmp_path_factory.mktemp("consenting")) as made:
        yield Desk(made)


async def test_a_user_approves_comes_back_twice_and_the_app_ends_it(desk: Desk) -> None:
    consent_id = (await desk.ask("ada")).consent_id
    action = await desk.action(consent_id)
    assert action.kind is ActionKind.REDIRECT
    params = await desk.click(action, "approve")
    first = await desk.back(params)
    assert not first.is_replay
    active = await desk.until(consent_id, S.ACTIVE)
    second = await desk.back(params)
    assert (second.is_replay, second.consent.state) == (True, S.ACTIVE)
    assert active.display.may_read
    accounts = active.consent.grant.accounts
    assert accounts is not None
    book = await desk.bank.control("book")
    owned = [each["iban"] for each in book["accounts"] if each["psu"] == "ada"]
    assert sorted(each.ends for each in accounts) == sorted(iban[-4:] for iban in owned)
    await desk.consents.revoke(consent_id, "end", tenant="default", by="test")
    ended = await desk.until(consent_id, S.REVOKED_BY_US)
    assert ended.consent.certainty is Certainty.SENT
    (booked,) = await desk.at_bank("ada")
    assert booked["status"] == "terminatedByTpp"
    assert booked["tpp"].endswith("commonName=client")
    late = await desk.back(params)
    assert (late.is_replay, late.consent.state) == (True, S.REVOKED_BY_US)
    assert desk.bank.tasks(consent_id) == []
    log = (desk.bank.home / "worker.log").read_text()
    assert not any(secret in log for secret in (params["state"], *owned))


async def test_a_user_refuses(desk: Desk) -> None:
    consent_id = (await desk.ask("bert")).consent_id
    params = await desk.click(await desk.action(consent_id), "refuse")
    assert params["error"] == "access_denied"
    await desk.back(params)
    await desk.until(consent_id, S.REJECTED)


async def test_a_user_who_never_comes_back_is_found_by_reading(desk: Desk) -> None:
    consent_id = (await desk.ask("cleo")).consent_id
    await desk.click(await desk.action(consent_id), "approve")
    await desk.until(consent_id, S.ACTIVE)


@pytest.mark.parametrize("account", [BRIEF, BRIEF_IN_APP])
async def test_a_user_who_does_nothing_in_time_has_it_ended(desk: Desk, account: str) -> None:
    psu = f"dora-{account}"
    consent_id = (await desk.ask(psu, account)).consent_id
    await desk.until(consent_id, S.REVOKED_BY_US)
    (booked,) = await desk.at_bank(psu)
    assert booked["status"] == "terminatedByTpp"
    assert booked["approach"] == ("redirect" if account == BRIEF else "decoupled")


async def test_an_app_of_the_bank_confirms(desk: Desk) -> None:
    consent_id = (await desk.ask("emil", IN_APP)).consent_id
    await desk.apply("emil", "psu_approves")
    await desk.until(consent_id, S.ACTIVE)


async def test_what_the_bank_changes_is_found_by_reading(desk: Desk) -> None:
    consent_id = await desk.connected("fritz")
    book = await desk.bank.control("book")
    iban = next(each["iban"] for each in book["accounts"] if each["psu"] == "fritz")
    await desk.apply("fritz", "take_out", account=iban)
    await desk.apply("fritz", "shorten", until="2027-01-31")

    async def told() -> list[str] | None:
        changes = [each.text for each in (await desk.show(consent_id)).consent.changes]
        return changes if len(changes) == 2 else None

    changes = " ".join(await eventually(told, "both changes", 120))
    assert "was taken out" in changes
    assert "it ends earlier: 2027-02-01" in changes
    await desk.apply("fritz", "psu_revokes")
    await desk.until(consent_id, S.REVOKED_BY_USER)


async def test_a_renewal_is_a_new_consent_that_supersedes_the_old_one(desk: Desk) -> None:
    former = await desk.connected("greta")
    renewed = await desk.consents.renew(
        former, "r", tenant="default", by="test", browser_session=SESSION
    )
    assert renewed.consent_id != former
    await desk.back(await desk.click(await desk.action(renewed.consent_id), "approve"))
    await desk.until(renewed.consent_id, S.ACTIVE)
    await desk.until(former, S.SUPERSEDED)
    assert [each["status"] for each in await desk.at_bank("greta")] == ["expired", "valid"]


async def test_a_lost_request_is_sent_again_and_the_user_sees_one(desk: Desk) -> None:
    # No other test asks for three reads a day.
    rule = {"fault": "reply_lost_after", "on": _ASKED, "match": {"frequencyPerDay": "3"}}
    await desk.bank.control("faults", [rule])
    consent_id = (await desk.ask("hugo", per_day=3)).consent_id
    await desk.click(await desk.action(consent_id), "approve")
    await desk.until(consent_id, S.ACTIVE)
    assert [each["status"] for each in await desk.at_bank("hugo")] == ["received", "valid"]


async def test_an_unknown_word_stops_the_reading_and_asks_people(desk: Desk) -> None:
    consent_id = await desk.connected("ida")
    rule = {"fault": "says_consent", "on": _READ, "match": {"psu": "ida"}, "times": None,
            "param": {"word": "paused"}}  # fmt: skip
    await desk.bank.control("faults", [rule])

    async def asked() -> list[str] | None:
        return desk.bank.tasks(consent_id) or None

    assert await eventually(asked, "a task", 120) == ["unmapped"]
    shown = await desk.show(consent_id)
    assert (shown.consent.certainty, shown.display.may_read) == (Certainty.UNKNOWN, False)
