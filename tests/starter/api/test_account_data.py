"""Accounts and transactions over HTTP: what a key may see, page by page, with their age."""

from __future__ import annotations

from datetime import timedelta

from tests.account_data.bank import DAY, IBAN, NEIGHBOUR, line, pending
from tests.account_data.reader import CONSENT, Reader
from tests.clock import SteppedClock
from tests.starter.api.conftest import Api
from tests.store.test_consents import Desk

_A_DAY = timedelta(days=1)


async def having_read(api: Api) -> Reader:
    """The accounts of one consent, read once."""
    clock = SteppedClock()
    reader = Reader(Desk(api.assembly.database, clock, api.assembly.keyring))
    reader.bank.lines = [
        pending("hold", day=DAY + 4 * _A_DAY),
        *(
            line(f"{number}", day=DAY + number * _A_DAY, reference=f"r{number}")
            for number in (2, 1)
        ),
        line("0", 9_00, reference="r0"),
    ]
    await reader.connect()
    await reader.read()
    return reader


async def test_accounts_are_shown_with_balances_and_the_time_of_their_reading(api: Api) -> None:
    reader = await having_read(api)
    read_at = reader.now().isoformat().replace("+00:00", "Z")
    answer = (await api.get("/v1/accounts", who="teller")).json()
    (account,) = answer["data"]
    assert answer["next_cursor"] is None
    assert (account["number"], account["owner"], account["consent_id"]) == (
        IBAN, "Wilhelmina Canary", CONSENT,
    )  # fmt: skip
    assert account["balances"][0]["amount"] == {"minor": 100_00, "currency": "EUR"}
    assert account["balances_read_at"] == account["transactions_read_at"] == read_at
    one = await api.get(f"/v1/accounts/{account['id']}", who="teller")
    assert one.json() == account
    filtered = await api.get("/v1/accounts?consent_id=con_9", who="teller")
    assert filtered.json()["data"] == []


async def test_transactions_come_page_by_page_and_by_day(api: Api) -> None:
    reader = await having_read(api)
    base = f"/v1/accounts/{(await reader.account()).account_id}/transactions"
    texts: list[str] = []
    path = f"{base}?limit=3"
    while True:
        page = (await api.get(path, who="teller")).json()
        texts += [each["remittance_information"] for each in page["data"]]
        if page["next_cursor"] is None:
            break
        path = f"{base}?limit=3&after={page['next_cursor']}"
    assert texts == ["hold", "2", "1", "0"]
    last = page["data"][-1]
    assert (last["amount"]["minor"], last["bank_reference"], last["counterparty_account"]) == (
        9_00, "r0", NEIGHBOUR,
    )  # fmt: skip
    of_a_day = await api.get(f"{base}?from={DAY + _A_DAY}&to={DAY + _A_DAY}", who="teller")
    assert [each["remittance_information"] for each in of_a_day.json()["data"]] == ["1"]
    waiting = await api.get(f"{base}?booking=pending", who="teller")
    assert [each["remittance_information"] for each in waiting.json()["data"]] == ["hold"]
    for wrong in ("after=nonsense", "from=yesterday", "bookings=booked", "limit=0"):
        assert (await api.get(f"{base}?{wrong}", who="teller")).status_code == 400, wrong


async def test_a_key_without_the_scope_and_another_tenants_see_nothing(api: Api) -> None:
    reader = await having_read(api)
    account_id = (await reader.account()).account_id
    for path in ("", f"/{account_id}", f"/{account_id}/transactions"):
        assert (await api.get(f"/v1/accounts{path}")).status_code == 403
    assert (await api.get("/v1/accounts", who="stranger")).json()["data"] == []
    for path in (account_id, f"{account_id}/transactions"):
        assert (await api.get(f"/v1/accounts/{path}", who="stranger")).status_code == 404
    body = {"consent_id": CONSENT}
    assert (await api.post("/v1/accounts/refresh", body, who="stranger")).status_code == 404


async def test_a_reading_is_asked_for_with_the_users_address(api: Api) -> None:
    reader = await having_read(api)
    body = {"consent_id": CONSENT, "psu_ip_address": "203.0.113.9"}
    answer = await api.post("/v1/accounts/refresh", body, who="teller")
    assert (answer.status_code, answer.json()["is_begun"]) == (202, False)
    api.running.away = False
    answer = await api.post("/v1/accounts/refresh", body, who="teller")
    assert answer.json() == {"consent_id": CONSENT, "is_begun": True}
    assert api.running.started == [f"feed of {CONSENT}"]
    reader.bank.accesses.clear()
    await reader.read()
    wrong = await api.post("/v1/accounts/refresh", {**body, "psu_ip_address": "here"}, who="teller")
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["pointer"] == "/psu_ip_address"
