"""Consents over HTTP: asked for once, answered by one browser, renewed and ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from sqlmodel import Session

from domain.consents.report import Action, ActionKind, ConsentState, Report, Source
from domain.scopes import Scope
from starter.callback_page import COOKIE
from store.actions import keep_action
from store.evidence import keep_report
from tests.clock import SteppedClock
from tests.consents.bank import ISSUER, ModelBank
from tests.consents.home import BROWSER
from tests.starter.api.conftest import OTHER, SHOP, Api
from tests.store.test_consents import Desk

S = ConsentState
AT_BANK: Final = ("bank", "main")
PAGE: Final = "https://bank.example/approve/1"


def wanted(**fields: Any) -> dict[str, Any]:
    return {
        "partner": "bank",
        "partner_account": "main",
        "user": {"user_id": "u-1"},
        "permissions": ["balances"],
        "return_url": "https://shop.example/back",
        "regime": "psd2",
        "browser_session": BROWSER,
        **fields,
    }


@dataclass
class Consenting:
    """The API, and a bank of which tests say what it answers."""

    api: Api
    desk: Desk

    async def ask(self, key: str = "k", who: str = "app", **fields: Any) -> httpx.Response:
        return await self.api.post("/v1/consents", wanted(**fields), key=key, who=who)

    async def id_of(self, key: str = "k", **fields: Any) -> str:
        answer = await self.ask(key, **fields)
        assert answer.status_code in (201, 202), answer.text
        return str(answer.json()["id"])

    async def params(self, consent_id: str) -> dict[str, str]:
        """What the bank sends back with the user."""
        callback = (await self.desk.subject(f"{consent_id}/ask/1")).callback
        assert callback is not None
        return {"state": callback.state, "iss": ISSUER, "code": "c0de"}

    async def show_page(self, consent_id: str) -> None:
        """The bank shows the page at which the user goes on."""
        action = Action(kind=ActionKind.REDIRECT, url=PAGE)
        await self.desk.hear(S.AWAITING_USER, consent_id, action=action)
        report = Report(
            instruction_id=f"{consent_id}/ask/1", source=Source.REPLY, as_of=self.desk.clock.now(),
            state=S.AWAITING_USER, partner_status="received", action=action,
        )  # fmt: skip

        def transaction(session: Session) -> None:
            keep_report(session, consent_id, report, report.as_of)
            session.flush()
            keep_action(session, self.desk.keyring, consent_id, report)

        await self.desk.database.write(transaction)

    async def back(
        self, params: dict[str, str], tenant: str = SHOP, session: str | None = BROWSER
    ) -> httpx.Response:
        """A browser comes back to our page."""
        cookies = {} if session is None else {"cookie": f"{COOKIE}={session}"}
        return await self.api.http.get(f"/v1/callbacks/{tenant}", params=params, headers=cookies)


@pytest.fixture
async def consenting(api: Api, tmp_path: Path) -> Consenting:
    assembly = api.assembly
    bank = ModelBank(tmp_path / "no book", assembly.clock)
    assembly.make_consent_partners = lambda: {AT_BANK: bank}
    now = assembly.clock.now()
    for name, tenant, scopes in (
        ("app", SHOP, [Scope.CONNECT, Scope.READ]),
        ("stranger", OTHER, [Scope.CONNECT, Scope.READ]),
    ):
        accounts = [AT_BANK] if tenant == SHOP else []
        new = await assembly.api_keys.make(tenant, name, scopes, now, accounts=accounts)
        api.texts[name] = new.text
    clock = SteppedClock(now)
    return Consenting(api, Desk(assembly.database, clock, assembly.keyring))


async def test_a_consent_is_asked_for_once_and_shown(consenting: Consenting) -> None:
    answer = await consenting.ask()
    shown = answer.json()
    assert answer.status_code == 202, "Temporal is away"
    assert answer.headers["location"] == f"/v1/consents/{shown['id']}"
    assert (shown["state"], shown["key"], shown["user_id"]) == ("draft", "k", "u-1")
    again = await consenting.ask()
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    other = await consenting.ask(permissions=["transactions"])
    assert (other.status_code, other.json()["id"]) == (409, shown["id"])
    read = await consenting.api.get(answer.headers["location"], who="app")
    assert read.json() == shown
    listed = await consenting.api.get("/v1/consents?user_id=u-1", who="app")
    assert [each["id"] for each in listed.json()["data"]] == [shown["id"]]
    nobody = await consenting.api.get("/v1/consents?user_id=u-2", who="app")
    assert nobody.json()["data"] == []
    assert BROWSER not in answer.text


async def test_another_tenant_sees_nothing_and_reaches_no_bank(consenting: Consenting) -> None:
    consent_id = await consenting.id_of()
    for path in ("", "/action"):
        theirs = await consenting.api.get(f"/v1/consents/{consent_id}{path}", who="stranger")
        assert (theirs.status_code, theirs.json()["title"]) == (404, "No such consent")
    refused = await consenting.ask(who="stranger")
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/partner_account"
    reader = await consenting.ask(who="reader")
    assert reader.status_code == 403
    assert (await consenting.api.get("/v1/consents", who="stranger")).json()["data"] == []


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"return_url": "http://shop.example/back"}, "/return_url"),
        ({"regime": "moon"}, "/regime"),
        ({"per_day": 0}, "/per_day"),
        ({"permissions": []}, "/permissions"),
        ({"permissions": ["money"]}, "/permissions/0"),
        ({"valid_until": "2020-01-01T00:00:00Z"}, "/valid_until"),
        ({"browser_session": "short"}, "/browser_session"),
        ({"user": {}}, "/user/user_id"),
        ({"accounts": [{"iban": "DE89370400440532013001"}]}, "/accounts/0/iban"),
        ({"surprise": 1}, "/surprise"),
    ],
)
async def test_each_wrong_field_is_named(
    consenting: Consenting, changed: dict[str, Any], pointer: str
) -> None:
    answer = await consenting.ask(**changed)
    assert answer.status_code == 422, answer.text
    assert pointer in [each["pointer"] for each in answer.json()["errors"]]
    assert (await consenting.api.get("/v1/consents", who="app")).json()["data"] == []


async def test_the_page_of_the_bank_is_given_to_those_who_may_connect(
    consenting: Consenting,
) -> None:
    consent_id = await consenting.id_of()
    path = f"/v1/consents/{consent_id}/action"
    assert (await consenting.api.get(path, who="app")).json()["title"] == "Nothing to do"
    await consenting.show_page(consent_id)
    found = await consenting.api.get(path, who="app")
    assert (found.json()["kind"], found.json()["url"]) == ("redirect", PAGE)
    shown = await consenting.api.get(f"/v1/consents/{consent_id}", who="app")
    assert PAGE not in shown.text
    assert (await consenting.api.get(path, who="reader")).status_code == 403


async def test_a_browser_comes_back_twice_and_late(consenting: Consenting) -> None:
    consent_id = await consenting.id_of()
    params = await consenting.params(consent_id)
    await consenting.desk.hear(S.AWAITING_USER, consent_id)
    first = await consenting.back(params)
    assert (first.status_code, first.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "Waiting for the user" in first.text
    await consenting.desk.hear(S.ACTIVE, consent_id)
    second = await consenting.back(params)
    assert (second.status_code, "Connected" in second.text) == (200, True)
    assert "<script" not in second.text
    assert params["state"] not in second.text
    assert "default-src 'none'" in second.headers["content-security-policy"]
    assert (second.headers["cache-control"], second.headers["referrer-policy"]) == (
        "no-store",
        "no-referrer",
    )
    await consenting.desk.hear(S.REVOKED_BY_USER, consent_id)
    late = await consenting.back(params)
    assert (late.status_code, "Withdrawn" in late.text) == (200, True)


async def test_a_callback_of_another_browser_tenant_or_bank_does_nothing(
    consenting: Consenting,
) -> None:
    params = await consenting.params(await consenting.id_of())
    ways = [
        consenting.back(params, session=None),
        consenting.back(params, session="another-browser-0123456789"),
        consenting.back(params, tenant=OTHER),
        consenting.back({**params, "state": "forged"}),
        consenting.back({**params, "iss": "https://evil.example"}),
    ]
    for way in ways:
        answer = await way
        assert (answer.status_code, "Nothing was changed" in answer.text) == (403, True)
    empty = await consenting.back({})
    assert empty.status_code == 400
    good = await consenting.back(params)
    assert good.status_code == 200, "it was not used up"


async def test_an_app_hands_the_callback_over_with_its_key(consenting: Consenting) -> None:
    consent_id = await consenting.id_of()
    params = await consenting.params(consent_id)
    body = {"params": {**params, "error": "access_denied"}, "browser_session": BROWSER}
    theirs = await consenting.api.post("/v1/callbacks", body, who="stranger")
    assert (theirs.status_code, theirs.json()["type"]) == (
        403,
        "urn:finality:problem:callback-refused",
    )
    await consenting.desk.hear(S.AWAITING_USER, consent_id)
    own = await consenting.api.post("/v1/callbacks", body, who="app")
    assert (own.status_code, own.json()["id"]) == (200, consent_id)
    assert own.json()["declined"] == "access_denied"
    nothing = await consenting.api.post("/v1/callbacks", {**body, "params": {}}, who="app")
    assert nothing.json()["errors"][0]["pointer"] == "/params/state"
    assert (await consenting.api.post("/v1/callbacks", body, who="")).status_code == 401


async def test_a_consent_is_renewed_by_a_new_one_once(consenting: Consenting) -> None:
    consent_id = await consenting.id_of()
    path, body = f"/v1/consents/{consent_id}/renew", {"browser_session": BROWSER}
    early = await consenting.api.post(path, body, key="r", who="app")
    assert (early.status_code, early.json()["type"]) == (409, "urn:finality:problem:cannot-renew")
    await consenting.desk.hear(S.ACTIVE, consent_id)
    first = await consenting.api.post(path, body, key="r", who="app")
    assert first.json()["renews"] == consent_id
    assert first.json()["id"] != consent_id
    await consenting.desk.hear(S.EXPIRED, consent_id)
    again = await consenting.api.post(path, body, key="r", who="app")
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])


async def test_a_consent_is_ended_once(consenting: Consenting) -> None:
    consent_id = await consenting.id_of()
    path = f"/v1/consents/{consent_id}/revoke"
    first = await consenting.api.post(path, {"why": "asked"}, key="e", who="app")
    assert (first.status_code, first.json()["outcome"]) == (201, "done")
    assert first.json()["consent"]["state"] == "revoked_by_us"
    again = await consenting.api.post(path, {"why": "asked"}, key="e", who="app")
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    other = await consenting.api.post(path, {"why": "other"}, key="e", who="app")
    assert other.json()["type"] == "urn:finality:problem:key-reused"
    theirs = await consenting.api.post(path, {}, key="e", who="stranger")
    assert theirs.status_code == 404


async def test_a_long_poll_ends_when_the_state_changes(consenting: Consenting) -> None:
    import asyncio

    consent_id = await consenting.id_of()
    began = consenting.api.assembly.clock.now()
    poll = asyncio.create_task(consenting.api.get(f"/v1/consents/{consent_id}?wait=30", who="app"))
    await asyncio.sleep(0.3)
    await consenting.desk.hear(S.AWAITING_USER, consent_id)
    assert (await poll).json()["state"] == "awaiting_user"
    assert consenting.api.assembly.clock.now() - began < timedelta(seconds=29)
