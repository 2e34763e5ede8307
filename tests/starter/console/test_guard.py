"""What every answer carries, and which requests reach no page."""

from __future__ import annotations

import re

import pytest

from starter.console.forms import FORM_BYTES_MAX
from starter.console.pages import TEMPLATES
from store.faults import StoreAway
from tests.starter.console.conftest import Console

_SAYS_NOTHING = ("script", "style", "iframe", "object", "embed")


async def test_every_answer_forbids_scripts_frames_and_copies(console: Console) -> None:
    alice = await console.signed_in()
    for path in ("/", "/payments", "/tasks", "/halts", "/nothing", "/sign-in", "/payments/none"):
        headers = (await alice.http.get(path)).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'self'; img-src 'self'")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-opener-policy"] == "same-origin"


async def test_style_and_icon_need_no_sign_in(console: Console) -> None:
    browser = console.browser()
    assert (await browser.http.get("/console.css")).headers["content-type"].startswith("text/css")
    assert (await browser.http.get("/icon.svg")).status_code == 200


async def test_another_name_that_leads_here_gets_no_page(console: Console) -> None:
    for url in ("http://evil.test", "http://127.0.0.1.evil.test", "http://[::1"):
        if url.endswith("[::1"):
            got = await console.browser().http.get("/", headers={"host": "[::1"})
        else:
            got = await console.browser(url).http.get("/")
        assert got.status_code == 421


async def test_a_form_that_is_too_long_is_refused_before_it_is_read(console: Console) -> None:
    alice = await console.signed_in()
    fields = {**alice.form("/sign-out"), "why": "x" * FORM_BYTES_MAX}
    got = await alice.http.post("/tasks/cancel", data=fields)
    assert got.status_code == 413
    assert "Nothing was done" in got.text


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b'{"token": 1}', "application/json", 415),
        (b"token=1&token=2", "application/x-www-form-urlencoded", 400),
        (b"why=%00", "application/x-www-form-urlencoded", 400),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x", 400),
        (b"", "multipart/form-data", 400),
    ],
    ids=["json", "twice", "nul", "cut off", "no boundary"],
)
async def test_what_is_no_form_is_refused(
    console: Console, content: bytes, kind: str, status: int
) -> None:
    alice = await console.signed_in()
    got = await alice.http.post("/tasks/cancel", content=content, headers={"content-type": kind})
    assert got.status_code in (status, 403)
    assert (await alice.http.get("/?a=%00")).status_code == 400
    assert (await alice.http.put("/")).status_code == 405


async def test_a_database_that_is_away_is_said_so(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await console.signed_in()

    async def away(*_: object, **__: object) -> None:
        raise StoreAway("no server answers at secret-host")

    monkeypatch.setattr(type(console.desk.parts.backlog), "lifecycles", away)
    got = await alice.http.get("/")
    assert got.status_code == 503
    assert "The database does not answer" in got.text
    assert "secret-host" not in got.text


async def test_what_nobody_expected_shows_nothing_of_itself(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await console.signed_in()

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("canary")

    monkeypatch.setattr(type(console.desk.parts.backlog), "lifecycles", broken)
    got = await alice.http.get("/")
    assert got.status_code == 500
    assert "canary" not in got.text
    assert "content-security-policy" in got.headers


def test_no_template_has_a_script_a_style_of_its_own_or_text_that_is_not_escaped() -> None:
    found = sorted(TEMPLATES.glob("*.html"))
    assert found
    for file in found:
        text = file.read_text()
        for tag in _SAYS_NOTHING:
            assert f"<{tag}" not in text, file
        assert not re.search(r"\son\w+=|\sstyle=|\|\s*safe|autoescape|javascript:", text), file
        assert not re.search(r"\s[\w-]+=\{\{", text), f"{file}: an attribute without quotes"
