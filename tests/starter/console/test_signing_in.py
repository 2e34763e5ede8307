"""Who gets in: operators with their own key, for a while, in their own browser."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import update

from starter.console.application import application
from starter.console.attempts import Attempts
from starter.console.desk import Desk
from starter.console.sessions import IDLE_MAX, LASTS_MAX
from starter.signing import make_key
from store.tables.people import OperatorRow
from tests.starter.console.conftest import PASSPHRASES, Console

PAGES = ("/", "/payments", "/payments/pay_1", "/tasks", "/tasks/one?id=x", "/halts")
ACTS = (
    "/tasks/decision", "/tasks/cancel", "/tasks/dismissal", "/halts", "/halts/lift", "/sign-out",
)  # fmt: skip


async def test_an_operator_signs_in_with_the_key_that_signs_decisions(console: Console) -> None:
    browser = console.browser()
    await browser.sign_in("alice")
    assert browser.page.url.path == "/"
    assert "Overview" in browser.text
    assert "alice" in browser.text
    await browser.send("/sign-out")
    assert browser.page.url.path == "/sign-in"
    assert (await browser.go("/")).url.path == "/sign-in"


async def test_the_page_that_was_asked_for_follows_the_sign_in(console: Console) -> None:
    browser = console.browser()
    await browser.go("/payments?state=settled")
    assert browser.page.url.path == "/sign-in"
    files = {"key": console.keys["alice"].read_bytes()}
    await browser.send("/sign-in", name="alice", passphrase=PASSPHRASES["alice"], files=files)
    assert str(browser.page.url).endswith("/payments?state=settled")


@pytest.mark.parametrize(
    "to", ["//evil.test/", "https://evil.test/", "/\\evil.test", "javascript:x"]
)
async def test_a_sign_in_leads_to_no_other_site(console: Console, to: str) -> None:
    browser = console.browser()
    await browser.go("/sign-in")
    files = {"key": console.keys["alice"].read_bytes()}
    await browser.send(
        "/sign-in", name="alice", passphrase=PASSPHRASES["alice"], next=to, files=files
    )
    assert str(browser.page.url) == "http://127.0.0.1/"


@pytest.mark.parametrize("page", PAGES)
async def test_every_page_needs_a_sign_in(console: Console, page: str) -> None:
    got = await console.browser().http.get(page)
    assert got.status_code == 303
    assert got.headers["location"].startswith("/sign-in?next=")


@pytest.mark.parametrize("act", ACTS)
async def test_every_act_needs_a_sign_in_and_the_form_of_its_own_page(
    console: Console, act: str
) -> None:
    stranger = console.browser()
    got = await stranger.http.post(act, data={"task": "x"})
    assert (got.status_code, got.headers["location"]) == (303, "/sign-in")
    alice = await console.signed_in()
    without = await alice.http.post(act, data={"task": "x"})
    assert without.status_code == 403
    of_another = (await console.signed_in("bob")).form("/sign-out")["token"]
    forged = await alice.http.post(act, data={"task": "x", "token": of_another})
    assert forged.status_code == 403
    assert "Nothing was done" in forged.text
    assert (await alice.go("/")).url.path == "/", "the session is as before"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.test"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
    ids=str,
)
async def test_a_form_of_another_site_does_nothing(
    console: Console, headers: dict[str, str]
) -> None:
    alice = await console.signed_in()
    got = await alice.http.post("/sign-out", data=alice.form("/sign-out"), headers=headers)
    assert got.status_code == 403
    assert (await alice.go("/")).url.path == "/"


async def test_the_session_gets_a_new_id_at_sign_in(console: Console) -> None:
    """Somebody who planted an id in the browser does not know the one of the session."""
    browser = console.browser()
    browser.http.cookies.set("finality_console", "planted", domain="127.0.0.1")
    await browser.sign_in("alice")
    assert browser.page.url.path == "/"
    assert browser.http.cookies["finality_console"] != "planted"
    thief = console.browser()
    thief.http.cookies.set("finality_console", "planted", domain="127.0.0.1")
    assert (await thief.go("/")).url.path == "/sign-in"


async def test_a_session_ends_when_it_is_not_used_and_in_any_case_after_a_day_of_work(
    console: Console,
) -> None:
    idle, busy = await console.signed_in(), await console.signed_in("bob")
    for _ in range(int(LASTS_MAX / IDLE_MAX)):
        console.clock.step(IDLE_MAX)
        assert (await busy.go("/")).url.path == "/"
    assert (await idle.go("/")).url.path == "/sign-in"
    console.clock.step(timedelta(seconds=1))
    assert (await busy.go("/")).url.path == "/sign-in"


async def test_who_is_no_operator_any_more_is_out_at_once(console: Console) -> None:
    alice = await console.signed_in()
    console.store.database.write_now(
        lambda session: session.exec(update(OperatorRow).values(removed_at=console.clock.now()))
    )
    assert (await alice.go("/")).url.path == "/sign-in"


async def test_another_persons_key_a_wrong_passphrase_and_a_stranger_are_refused_and_recorded(
    console: Console,
) -> None:
    browser = console.browser()
    for name, key_of, passphrase, why in (
        ("alice", "alice", "not hers, but long", "does not open"),
        ("alice", "bob", PASSPHRASES["bob"], "is the key of 'bob'"),
        ("alice", "alice", "", "passphrase: is missing"),
        ("Robert'); --", "alice", "x", "not a valid name"),
    ):
        page = await browser.sign_in(name, key_of=key_of, passphrase=passphrase)
        assert page.status_code == 403
        assert why.casefold() in browser.text.casefold()
        assert PASSPHRASES["bob"] not in page.text
    [refusal] = await console.assembly.operators.refusals()
    assert (refusal.claimed, refusal.subject) == ("alice", "console")


async def test_a_key_that_was_never_enrolled_signs_nobody_in(console: Console) -> None:
    forged = console.keys["alice"].with_name("forged.key")
    if not forged.exists():
        make_key(forged, "alice", b"a forged passphrase")
    browser = console.browser()
    browser.keys = {**browser.keys, "forged": forged}
    page = await browser.sign_in("alice", key_of="forged", passphrase="a forged passphrase")
    assert page.status_code == 403
    assert "not by the key of an operator 'alice'" in browser.text
    assert (await browser.go("/")).url.path == "/sign-in"


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"no key", b"finality operator key 1\nname: alice"]
)
async def test_a_file_that_is_no_key_is_said_to_be_none(console: Console, content: bytes) -> None:
    browser = console.browser()
    await browser.go("/sign-in")
    files = {"key": content}
    page = await browser.send("/sign-in", name="alice", passphrase="x", files=files)
    assert page.status_code == 403
    assert "key file" in browser.text


async def test_tries_to_sign_in_are_limited_before_anything_is_checked(console: Console) -> None:
    desk = Desk(console.desk.parts, is_secure=False, attempts=Attempts(burst=2))
    console.app = application(desk.parts, hosts={"127.0.0.1"}, is_secure=False, desk=desk)
    browser = console.browser()
    for _ in range(2):
        assert (await browser.sign_in("alice", passphrase="not hers")).status_code == 403
    slowed = await browser.sign_in("alice")
    assert slowed.status_code == 429
    assert slowed.headers["retry-after"] == "60"
    assert "Nothing was checked" in browser.text


def test_each_address_has_tries_of_its_own_and_all_together_have_ten_times_as_many() -> None:
    attempts = Attempts(burst=2, every_seconds=3600)
    assert [attempts.taken("a") for _ in range(3)] == [True, True, False]
    assert attempts.taken("b")
    taken = sum(attempts.taken(f"host {number}") for number in range(100))
    assert taken == 20 - 3
    attempts.give_back("a")
    assert [attempts.taken("a") for _ in range(2)] == [True, False]


async def test_over_https_the_cookie_never_leaves_it(console: Console) -> None:
    url = "https://console.test"
    console.app = application(console.desk.parts, hosts={"console.test"}, is_secure=True)
    got = await console.browser(url).http.get("/sign-in")
    cookie = got.headers["set-cookie"]
    assert cookie.startswith("__Host-finality_console=")
    for wanted in ("Secure", "HttpOnly", "SameSite=strict", "Path=/"):
        assert wanted.lower() in cookie.lower()
    assert "domain" not in cookie.lower()
    assert got.headers["strict-transport-security"] == "max-age=31536000"
