"""Who gets in: operators with their own key, for a while, in their own browser."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlmodel import update

from starter.console.application import application
from starter.console.attempts import Attempts, place_of
from starter.console.desk import Desk
from starter.console.sessions import IDLE_MAX, LASTS_MAX
from starter.signing import make_key
from store.tables.people import OperatorRow
from tests.operators import stating
from tests.starter.console.conftest import PASSPHRASES, URL, Browser, Console

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
        {"origin": "http://["},
        {"origin": "http://[127.0.0.1]"},
        {"origin": ""},
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
    refused = await console.assembly.operators.refused_sign_ins()
    assert refused is not None
    assert (refused.times, refused.last_claimed) == (1, "alice")


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
    desk = Desk(console.desk.parts, is_secure=False, sign_ins=Attempts(burst=2))
    console.app = application(desk.parts, hosts={"127.0.0.1"}, is_secure=False, desk=desk)
    browser = console.browser()
    for _ in range(2):
        assert (await browser.sign_in("alice", passphrase="not hers")).status_code == 403
    slowed = await browser.sign_in("alice")
    assert slowed.status_code == 429
    assert slowed.headers["retry-after"] == "60"
    assert "No key was checked" in browser.text
    assert browser.form("/sign-in")["name"] == "alice", "what was typed stays"


async def test_a_form_that_is_not_of_the_page_takes_no_try(console: Console) -> None:
    desk = Desk(console.desk.parts, is_secure=False, sign_ins=Attempts(burst=1))
    console.app = application(desk.parts, hosts={"127.0.0.1"}, is_secure=False, desk=desk)
    stranger = console.browser()
    for _ in range(3):
        assert (await stranger.http.post("/sign-in", data={"name": "alice"})).status_code == 403
    browser = console.browser()
    await browser.sign_in("alice")
    assert browser.page.url.path == "/"


async def test_strangers_who_use_up_all_tries_keep_no_operator_from_a_halt(
    console: Console,
) -> None:
    """Neither under many addresses, nor under one that reads as an operator's name."""
    alice = await console.signed_in()
    console.desk.sign_ins = Attempts(burst=1)
    console.desk.signatures = Attempts(burst=1)
    for client in ["operator alice", "alice", *(f"192.0.2.{number}" for number in range(12))]:
        transport = httpx.ASGITransport(console.app, client=(client, 1))
        stranger = Browser(httpx.AsyncClient(transport=transport, base_url=URL), console.keys)
        console.opened.append(stranger.http)
        page = await stranger.sign_in("alice", key_of="bob")
    assert page.status_code == 429
    await alice.go("/halts")
    await alice.send("/halts", why="a strange answer", passphrase=PASSPHRASES["alice"])
    assert "Halt 1 is in force" in alice.text


@pytest.mark.parametrize("rounds", [2049, 2**31 - 1])
async def test_a_key_file_that_chooses_its_own_derivation_is_refused_at_once(
    console: Console, rounds: int
) -> None:
    """One such request held up the whole console for as long as its file said: an hour, or more."""
    browser = console.browser()
    await browser.go("/sign-in")
    files = {"key": stating(console.keys["alice"], rounds).encode()}
    page = await browser.send("/sign-in", name="alice", passphrase="x", files=files)
    assert page.status_code == 403
    assert "not a file that `finality operator key` wrote" in browser.text
    assert await console.assembly.operators.refused_sign_ins() is None


async def test_for_a_key_that_is_not_enrolled_nothing_is_derived(
    console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "eve.key"
    make_key(file, "eve", b"whatever eve says")
    browser = console.browser()
    browser.keys = {**browser.keys, "eve": file}
    derived: list[bytes] = []
    monkeypatch.setattr(
        "starter.signing._stretched", lambda passphrase, _: derived.append(passphrase)
    )
    page = await browser.sign_in("eve", passphrase="whatever eve says")
    assert page.status_code == 403
    assert "not by the key of an operator 'eve'" in browser.text
    assert derived == []
    refused = await console.assembly.operators.refused_sign_ins()
    assert refused is not None
    assert (refused.times, refused.last_claimed) == (1, "eve")


async def test_who_states_an_operators_key_but_holds_another_is_refused(
    console: Console, tmp_path: Path
) -> None:
    file, passphrase = tmp_path / "eve.key", "a forged passphrase"
    make_key(file, "alice", passphrase.encode())
    stated = console.keys["alice"].read_text().splitlines()[2]
    file.write_text(
        "".join(
            f"{stated if line.startswith('key: ') else line}\n"
            for line in file.read_text().splitlines()
        )
    )
    browser = console.browser()
    browser.keys = {**browser.keys, "eve": file}
    page = await browser.sign_in("alice", key_of="eve", passphrase=passphrase)
    assert page.status_code == 403
    assert "not by the key of an operator 'alice'" in browser.text
    assert (await browser.go("/")).url.path == "/sign-in"


def test_each_address_has_tries_of_its_own_and_all_together_have_ten_times_as_many() -> None:
    attempts = Attempts(burst=2, every_seconds=3600)
    assert [attempts.taken("a") for _ in range(3)] == [True, True, False]
    assert attempts.taken("b")
    taken = sum(attempts.taken(f"host {number}") for number in range(100))
    assert taken == 20 - 3
    attempts.give_back("a")
    assert [attempts.taken("a") for _ in range(2)] == [True, False]


def test_a_try_that_all_together_do_not_have_left_is_not_taken_from_anybody() -> None:
    attempts = Attempts(burst=1, every_seconds=3600)
    assert [attempts.taken(f"host {number}") for number in range(12)] == [True] * 10 + [False] * 2
    attempts.give_back("host 0")
    assert attempts.taken("host 11")


@pytest.mark.parametrize(
    ("one", "other", "are_one"),
    [
        ("2001:db8::1", "2001:db8::ffff:1:2:3", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("an invented name", "another one", True),
        ("operator alice", "", True),
    ],
)
def test_the_addresses_of_one_owner_are_one_place(one: str, other: str, are_one: bool) -> None:
    assert (place_of(one) == place_of(other)) is are_one


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
