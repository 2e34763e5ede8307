"""What the pages show, and that nothing on them is more than text."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session

from domain.ids import instruction_id
from domain.lifecycle.answers import Answered
from domain.lifecycle.profile import InstructionKind
from domain.lifecycle.statement import Statement, StatementKind
from domain.party import Party
from domain.payments.report import PaymentState
from store.operators import SIGNING_IN, NotSigned
from store.tables.people import TaskRow
from tests.fakes import BANK, order
from tests.operators import person
from tests.starter.console.conftest import EVIL, Browser, Console, words
from tests.store.books import PAYMENT, accepted, exchange, report

#: What an attribute or a tag made of a canary would look like.
_TAGS = ("script", "img", "iframe", "svg", "object")


def _is_text_only(browser: Browser) -> bool:
    """Whether no element and no attribute came from anybody but our templates."""
    return not any(browser.xpath(f"//{tag}") for tag in _TAGS) and not browser.xpath("//@onerror")


async def _running(console: Console, payment_id: str, key: str = "k", **fields: Any) -> None:
    """A payment that the partner has accepted."""
    now = console.clock.now()
    await console.store.accept(key, payment_id=payment_id, of=order(now, **fields))
    its = instruction_id(payment_id, InstructionKind.PAY)
    await console.store.begin(its)
    answer = accepted(now, instruction=its, reference=f"ref-{payment_id}")
    await console.store.sent(answer, payment_id=payment_id)


async def test_the_overview_counts_what_is_open_with_what_is_in_doubt_first(
    console: Console,
) -> None:
    await _running(console, "pay_a", "a")
    console.clock.step(timedelta(hours=3))
    await _running(console, "pay_b", "b")
    await console.parked()
    console.clock.step(timedelta(days=2))
    alice = await console.signed_in()
    shown = [words(row) for row in alice.xpath("//table[1]//tbody/tr")]
    assert [row.split(" ")[0] for row in shown] == ["submitting", "accepted"]
    assert f"{BANK} 2 2 d 3 h" in shown[1]
    assert "(in doubt)" in shown[0]
    assert "1 task overdue 1 task open 0 halts in force" in alice.text
    [doubtful] = [link for link in alice.links() if "certainty=unknown" in link]
    await alice.go(doubtful)
    assert PAYMENT in alice.text
    assert "pay_a" not in alice.text


async def test_refused_sign_ins_are_counted_and_hide_no_refused_signature(
    console: Console,
) -> None:
    operators, now = console.assembly.operators, console.clock.now()
    forged = Statement(kind=StatementKind.ABANDON, by="bob", at=now, subject=PAYMENT)
    by_eve = person("bob", key_of="eve")

    async def refused(doing: Statement) -> None:
        with pytest.raises(NotSigned):
            await operators.require_enrolled(by_eve.public.key, doing)

    await refused(forged)
    await refused(replace(forged, kind=StatementKind.REMOVE, subject="console"))
    for _ in range(120):
        await refused(replace(forged, kind=StatementKind.ACKNOWLEDGE, subject=SIGNING_IN))
    alice = await console.signed_in()
    cells = alice.xpath("//td[@data-label='To sign']")
    assert [words(cell) for cell in cells] == ["remove: console", f"abandon: {PAYMENT}"]
    assert "Sign-ins refused within a day 120 refused, the last at" in alice.text
    assert "of somebody who claims to be bob" in alice.text


async def test_payments_are_listed_the_oldest_first_in_pages_without_a_gap(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("starter.console.payments._PAGE", 3)
    for number in range(7):
        await console.store.accept(f"k{number}", payment_id=f"pay_{number}", fingerprint="f")
        if number % 2:  # Two of each moment, so that the id decides too.
            console.clock.step(timedelta(minutes=1))
    alice = await console.signed_in()
    for order_, wanted in (("", range(7)), ("newest", [6, 4, 5, 2, 3, 0, 1])):
        seen: list[str] = []
        page: str | None = f"/payments?order={order_}"
        while page:
            await alice.go(page)
            seen += alice.xpath("//tbody//code/text()")
            page = next(iter(alice.xpath("//a[@rel='next']/@href")), None)
        assert seen == [f"pay_{number}" for number in wanted]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=accepted", ["pay_a", "pay_b"]),
        ("state=created", ["pay_c"]),
        ("certainty=not_sent", ["pay_c"]),
        ("partner=nobody", []),
        ("reference=pay_b", ["pay_b"]),
        ("reference=key-a", ["pay_a"]),
        ("reference=ref-pay_b", ["pay_b"]),
        ("reference=INVOICE-A", ["pay_a"]),
        ("reference=%20pay_a%20&state=accepted&partner=" + BANK, ["pay_a"]),
        ("reference=pay_a&state=created", []),
        ("reference=%27%20OR%201%3D1--", []),
    ],
)
async def test_filters_find_payments_by_state_certainty_partner_and_any_of_their_names(
    console: Console, query: str, found: list[str]
) -> None:
    await _running(console, "pay_a", "key-a", end_to_end_id="INVOICE-A")
    await _running(console, "pay_b", "key-b", end_to_end_id="INVOICE-B")
    await console.store.accept("key-c", payment_id="pay_c", of=order(end_to_end_id="INVOICE-C"))
    alice = await console.signed_in()
    await alice.go(f"/payments?{query}")
    assert alice.xpath("//tbody//code/text()") == found


@pytest.mark.parametrize("query", ["state=rich", "certainty=x", "after=x", "after=WzFd"])
async def test_a_filter_that_there_is_not_is_named(console: Console, query: str) -> None:
    alice = await console.signed_in()
    page = await alice.go(f"/payments?{query}")
    assert page.status_code == 400
    assert query.partition("=")[0] in alice.text


async def test_a_payment_shows_their_word_beside_ours_and_its_exchanges_on_request(
    console: Console,
) -> None:
    await _running(console, PAYMENT)
    now = console.clock.step(timedelta(minutes=1))
    said = report(now, PaymentState.PROCESSING, partner_status="released_2")
    await console.store.read(Answered(said, exchange(now, "asked it", "answered it")))
    alice = await console.signed_in()
    await alice.go(f"/payments/{PAYMENT}")
    rows = alice.xpath("//table[contains(@class, 'timeline')]//tr[td[4]/code]")
    said_and_meant = [[words(cell) for cell in row[3:]] for row in rows]
    assert said_and_meant == [["accepted", "accepted"], ["released_2", "processing"]]
    assert "attempt 1 opened: bytes may leave" in alice.text
    assert "answered it" not in alice.text
    await alice.go(f"/payments/{PAYMENT}?exchanges=shown")
    assert "answered it" in alice.text


@pytest.mark.parametrize("path", ["/payments/none", "/tasks/one?id=none", "/tasks/one", "/none"])
async def test_what_there_is_not_is_404_in_words(console: Console, path: str) -> None:
    alice = await console.signed_in()
    page = await alice.go(path)
    assert page.status_code == 404
    assert "There is no such" in alice.text


async def test_whatever_others_wrote_is_shown_as_text(console: Console) -> None:
    """Names, references, statuses, reasons, exchanges, questions, halts, and what is searched."""
    task = await console.parked(
        "pay_<b>", creditor=Party(name=f"Carla{EVIL}"), debtor=Party(name=EVIL), end_to_end_id=EVIL
    )
    await _running(console, PAYMENT, EVIL, creditor=Party(name=EVIL), end_to_end_id=f"E{EVIL}")
    now = console.clock.step(timedelta(minutes=1))
    said = report(now, None, reference=f"ref{EVIL}", partner_status=f"s{EVIL}", reason=EVIL)
    await console.store.read(Answered(said, exchange(now, f"a{EVIL}", f"b{EVIL}")))
    halts = console.assembly.operations._halts
    await halts.halt(by=EVIL, why=EVIL, now=now, partner=EVIL, tenant=EVIL, rail=EVIL)
    alice = await console.signed_in()
    await alice.sign_in(EVIL, key_of="alice")
    assert "<script>" not in alice.page.text
    await alice.sign_in("alice")
    pages = {
        "/": 4,
        "/payments": 3,
        f"/payments?reference={EVIL}": 1,
        "/payments/pay_<b>": 3,
        f"/payments/{PAYMENT}?exchanges=shown": 9,
        "/tasks": 0,
        f"/tasks/one?id={task}": 0,
        "/halts": 5,
        f"/tasks/one?id={EVIL}": 0,
    }
    for path, times in pages.items():
        await alice.go(path)
        assert _is_text_only(alice), path
        assert "<script>" not in alice.page.text, path
        assert "\u202e" not in alice.page.text, path
        assert alice.text.count("<script>alert(1)</script>") >= times, (path, alice.text)
        assert alice.text.count("{{7*7}}") >= times, (path, alice.text)


async def test_the_question_of_a_task_is_text_too(console: Console) -> None:
    def ask(session: Session) -> None:
        now = console.clock.now()
        session.add(
            TaskRow(
                task_id=f"unmatched/{EVIL}", kind="unmatched", question=EVIL, owner=EVIL,
                due_at=now, opened_at=now, partner=BANK, partner_account=EVIL,
                partner_reference=EVIL,
            )
        )  # fmt: skip

    console.store.database.write_now(ask)
    alice = await console.signed_in()
    await alice.go("/tasks")
    assert alice.text.count("<script>alert(1)</script>") == 3
    [link] = [link for link in alice.links() if "/tasks/one" in link]
    await alice.go(link)
    assert alice.page.status_code == 200
    assert alice.text.count("<script>alert(1)</script>") == 4
    assert _is_text_only(alice)
    assert alice.form("/tasks/decision")["reference"].startswith("\"'><script>")


async def test_halts_are_listed_with_what_they_hold_back(console: Console) -> None:
    alice = await console.signed_in()
    await alice.go("/halts")
    assert "No halt is in force" in alice.text
    await console.store.accept()
    halts = console.assembly.operations._halts
    await halts.halt(by=person("alice").by, why="a strange answer", now=console.clock.now())
    await alice.go("/halts")
    assert "1 everything 1 alice" in alice.text
    assert "a strange answer" in alice.text
