"""Decisions in a browser: signed by the operator's key, by the code behind `finality resolve`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, select

from domain.lifecycle.answers import Answered
from domain.lifecycle.command import CommandKind
from domain.lifecycle.questions import TASK_OWNER
from domain.lifecycle.statement import Statement
from domain.payments.report import PaymentState
from starter.console.attempts import Attempts
from starter.console.signing_in import unlocked_for
from starter.console.tasks import DECISION
from starter.dossier import Dossiers
from starter.evidence import EVIDENCE_BYTES_MAX
from starter.operations import Operations
from starter.operators import Operators
from starter.signing import KeyFile, OperatorKey
from store.tables.people import SignatureRow, TaskRow
from tests.starter.console.conftest import PASSPHRASES, Browser, Console, words
from tests.store.books import PAYMENT, exchange, report

LETTER = b"%PDF-1.7 canary-letter: no such payment.\x00\xff"
WHY = "asked by telephone"


@pytest.fixture
async def task(console: Console) -> str:
    """A payment that nobody but a person can tell about."""
    return await console.parked()


async def _at(console: Console, task: str, name: str = "alice") -> Browser:
    browser = await console.signed_in(name)
    await browser.go(f"/tasks/one?id={task}")
    return browser


def _typed(name: str = "alice", **more: str) -> dict[str, Any]:
    return {"why": WHY, "passphrase": PASSPHRASES[name], **more}


def _signatures(console: Console) -> list[SignatureRow]:
    return list(console.store.rows(lambda s: s.exec(select(SignatureRow)).all()))


async def _state(console: Console) -> PaymentState:
    return (await console.store.payments.view(PAYMENT)).payment.state


async def test_found_executed_under_the_partners_reference(console: Console, task: str) -> None:
    alice = await _at(console, task)
    await alice.send(DECISION, **_typed(decision="executed", reference="ref-7"))
    assert alice.page.url.path == f"/payments/{PAYMENT}"
    assert "Executed console-" in alice.text
    assert ": done." in alice.text
    assert f"found executed, says alice (settled): {WHY}" in alice.text
    assert await _state(console) is PaymentState.SETTLED
    [row] = _signatures(console)
    said = Statement.read(row.statement)
    assert (said.by, said.why, said.content, said.subject) == ("alice", WHY, "ref-7", PAYMENT)
    assert bytes(row.public_key) == (await console.assembly.operators.active())[0].key
    await alice.go("/")
    assert ": done." not in alice.text, "it is said once"


async def test_not_executed_takes_two_people_each_with_evidence(
    console: Console, task: str
) -> None:
    alice = await _at(console, task)
    files = {"evidence": LETTER}
    await alice.send(DECISION, files=files, **_typed(decision="not_executed"))
    assert "another operator has to sign too" in alice.text
    assert await _state(console) is PaymentState.SUBMITTING
    await alice.go(f"/tasks/one?id={task}")
    assert "so far: alice. Another operator has to sign too" in alice.text
    await alice.send(DECISION, files=files, **_typed(decision="not_executed"))
    assert await _state(console) is PaymentState.SUBMITTING, "one person is never two"
    bob = await _at(console, task, "bob")
    await bob.send(DECISION, files=files, **_typed("bob", decision="not_executed"))
    assert await _state(console) is PaymentState.REJECTED
    assert "found not executed, says alice and bob (rejected)" in bob.text
    assert LETTER not in console.store.kept()
    assert {row.by for row in _signatures(console)} == {"alice", "bob"}


@pytest.mark.parametrize("first", ["console", "terminal"])
async def test_one_person_at_two_doors_is_still_one(
    console: Console, task: str, first: str
) -> None:
    """A signature on a terminal and one in the browser, both by the same key."""
    signer = KeyFile("alice", console.keys["alice"], PASSPHRASES["alice"].encode)

    async def on_a_terminal(command_id: str) -> None:
        await console.assembly.operations.resolve(
            CommandKind.NOT_EXECUTED, PAYMENT, command_id,
            signer=signer, why=WHY, evidence=LETTER,
        )  # fmt: skip

    async def in_a_browser(name: str = "alice") -> None:
        browser = await _at(console, task, name)
        files = {"evidence": LETTER}
        await browser.send(DECISION, files=files, **_typed(name, decision="not_executed"))

    if first == "terminal":
        await on_a_terminal("t1")
        await in_a_browser()
    else:
        await in_a_browser()
        await on_a_terminal("t1")
    assert await _state(console) is PaymentState.SUBMITTING
    await in_a_browser("bob")
    assert await _state(console) is PaymentState.REJECTED


async def test_a_session_alone_signs_nothing(console: Console, task: str) -> None:
    """Who has somebody's browser, but not the passphrase."""
    alice = await _at(console, task)
    for passphrase, why in (("", "passphrase: is missing"), ("a guess, long enough", "not open")):
        fields = _typed(decision="executed") | {"passphrase": passphrase}
        page = await alice.send(DECISION, **fields)
        assert page.status_code == 422
        assert why.casefold() in alice.text.casefold()
        assert alice.form(DECISION)["why"] == WHY, "what was typed stays"
        assert "passphrase" not in alice.form(DECISION) or not alice.form(DECISION)["passphrase"]
    assert await _state(console) is PaymentState.SUBMITTING
    assert not _signatures(console)
    await alice.go(f"/payments/{PAYMENT}")
    assert "the signature of somebody who claims to be 'alice' was refused" in alice.text


async def test_a_passphrase_cannot_be_guessed_from_a_session(console: Console, task: str) -> None:
    alice = await _at(console, task)
    console.desk.signatures = Attempts(burst=2, every_seconds=3600)
    right = _typed(decision="executed", reference="ref-7")
    for _ in range(2):
        await alice.send(DECISION, **right | {"passphrase": "a guess, long enough"})
        assert "does not open" in alice.text
    await alice.send(DECISION, **right)
    assert "was wrong too often" in alice.text
    assert await _state(console) is PaymentState.SUBMITTING
    console.desk.signatures = Attempts(burst=1, every_seconds=3600)
    for _ in range(2):
        await alice.go("/halts")
        await alice.send("/halts", **_typed())
        assert "is in force" in alice.text, "right ones are not limited"


@pytest.mark.parametrize(
    ("typed", "evidence", "why"),
    [
        ({"decision": ""}, b"", "decision: is missing"),
        ({"decision": "cancel"}, b"", "decision: is missing"),
        ({"decision": "executed", "why": ""}, b"", "why: is missing"),
        ({"decision": "executed", "why": "see DE02120300000000202051"}, b"", "an account number"),
        ({"decision": "executed", "reference": "a b"}, b"", "reference: contains spaces"),
        ({"decision": "executed"}, LETTER, "evidence: goes only with"),
        ({"decision": "not_executed"}, b"", "evidence: is empty"),
        ({"decision": "not_executed", "reference": "r"}, LETTER, "reference: goes only with"),
        ({"decision": "executed", "payment_id": ""}, b"", "payment: is missing"),
        ({"decision": "executed", "payment_id": "none"}, b"", "no payment"),
    ],
    ids=str,
)
async def test_a_decision_that_lacks_something_is_refused_and_says_what(
    console: Console, task: str, typed: dict[str, str], evidence: bytes, why: str
) -> None:
    alice = await _at(console, task)
    files = {"evidence": evidence} if evidence else None
    page = await alice.send(DECISION, files=files, **_typed(**{"why": WHY, **typed}))
    assert page.status_code == 422
    assert why.casefold() in alice.text.casefold()
    assert not _signatures(console)


async def test_evidence_is_as_long_as_elsewhere_and_no_longer(console: Console, task: str) -> None:
    alice = await _at(console, task)
    fields = _typed(decision="not_executed")
    long = {"evidence": b"x" * (EVIDENCE_BYTES_MAX + 1)}
    assert (await alice.send(DECISION, files=long, **fields)).status_code == 422
    assert "is longer than 5 MiB" in alice.text
    token = alice.form("/sign-out")["token"]
    far_too_long = {"evidence": ("f", b"x" * (2 * EVIDENCE_BYTES_MAX))}
    got = await alice.http.post(DECISION, data={"token": token}, files=far_too_long)
    assert got.status_code == 413


async def test_what_became_known_after_the_page_was_opened_is_read_first(
    console: Console, task: str
) -> None:
    alice = await _at(console, task)
    files = {"evidence": LETTER}
    bob = await _at(console, task, "bob")
    await bob.send(DECISION, **_typed("bob", decision="executed", reference="ref-7"))
    page = await alice.send(DECISION, files=files, **_typed(decision="not_executed"))
    assert page.status_code == 422
    assert "is known about the payment since you opened the page" in alice.text
    assert {row.by for row in _signatures(console)} == {"bob"}


async def test_what_becomes_known_while_the_key_is_opened_is_not_signed_for(
    console: Console, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await _at(console, task)

    async def slowly(*given: Any) -> OperatorKey:
        key = await unlocked_for(*given)
        await _news(console, "released_2")
        return key

    monkeypatch.setattr("starter.console.tasks.unlocked_for", slowly)
    page = await alice.send(DECISION, **_typed(decision="executed", reference="ref-7"))
    assert page.status_code == 422
    assert "is known about the payment since you opened the page" in alice.text
    assert "released_2" in alice.text
    assert not _signatures(console)
    monkeypatch.undo()
    await alice.send(DECISION, **_typed(decision="executed", reference="ref-7"))
    assert ": done." in alice.text, "now it is about what the page shows"


async def _news(console: Console, word: str) -> None:
    said = report(console.clock.now(), None, reference=None, partner_status=word)
    await console.store.read(Answered(said, exchange(console.clock.now())))


@pytest.mark.parametrize(
    ("of", "name", "turn"),
    [
        (Operations, "task", 1), (Operations, "task", 2), (Operators, "about", 1),
        (Dossiers, "of", 1), (Operations, "offers_not_executed", 1),
    ],
    ids=str,
)  # fmt: skip
async def test_a_task_never_signs_for_more_than_its_page_shows(
    console: Console, task: str, monkeypatch: pytest.MonkeyPatch, of: type, name: str, turn: int
) -> None:
    """Whatever becomes known between two reads of one page."""
    alice, read, turns = await console.signed_in(), getattr(of, name), 0

    async def then_news(*given: Any, **more: Any) -> Any:
        nonlocal turns
        found, turns = await read(*given, **more), turns + 1
        if turns == turn:
            await _news(console, "released_2")
        return found

    monkeypatch.setattr(of, name, then_news)
    await alice.go(f"/tasks/one?id={task}")
    assert turns >= turn
    monkeypatch.undo()
    _, known = await console.assembly.operators.about(PAYMENT)
    assert "released_2" in alice.text or alice.form(DECISION)["about"] != known


async def test_a_task_shows_the_state_and_what_the_partner_said_last(
    console: Console, task: str
) -> None:
    await _news(console, "released_2")
    alice = await _at(console, task)
    [state] = alice.xpath("//dl[@class='facts']//span[contains(@class, 'state')]")
    assert words(state) == "submitting (in doubt)"
    assert "attempt 1: unknown" in alice.text
    [row] = alice.xpath("//table[contains(@class, 'timeline')]//tr[td[4]/code]")
    assert [words(cell) for cell in row[3:]] == ["released_2", "unmapped"]


@pytest.mark.parametrize("of", ["its own", "one that is closed", "none"])
async def test_a_decision_about_a_payment_names_what_it_is_about(
    console: Console, task: str, of: str
) -> None:
    """Else it would be about whatever is known when it arrives, which no page has shown."""
    alice = await _at(console, task)
    named = {"its own": task, "one that is closed": "t-closed", "none": ""}[of]
    fields = _typed(decision="executed", about="", task=named)
    page = await alice.send(DECISION, **fields)
    assert page.status_code == 422
    assert "about: is missing" in alice.text.casefold()
    assert not _signatures(console)


async def test_what_was_cleared_stays_cleared_after_a_refusal(console: Console) -> None:
    console.store.database.write_now(_ask_about_deliveries(console))
    alice = await _at(console, "unmatched/bank/main/ref-1")
    assert alice.form(DECISION)["reference"] == "ref-1"
    page = await alice.send(
        DECISION, **_typed(decision="executed", reference="", payment_id="none")
    )
    assert page.status_code == 422
    assert alice.form(DECISION)["reference"] == ""


@pytest.mark.parametrize("decision", ["executed", "not_executed"])
async def test_a_form_that_is_sent_twice_decides_once(
    console: Console, task: str, decision: str
) -> None:
    alice = await _at(console, task)
    fields = alice.form(DECISION) | _typed(decision=decision)
    files = {"evidence": ("f", LETTER)} if decision == "not_executed" else None
    for _ in range(2):
        got = await alice.http.post(DECISION, data=fields, files=files)
        assert got.status_code == 303
    commands = await console.store.commands.of(PAYMENT)
    assert [command.command_id for command in commands] == [fields["command_id"]]


def _ask_about_deliveries(
    console: Console, task_id: str = "unmatched/bank/main/ref-1"
) -> Callable[[Session], None]:
    now = console.clock.now()
    row = TaskRow(
        task_id=task_id, kind="unmatched", question="Whose is ref-1?", owner=TASK_OWNER,
        due_at=now + timedelta(hours=1), opened_at=now, partner="bank", partner_account="main",
        partner_reference="ref-1",
    )  # fmt: skip
    return lambda session: session.add(row)


async def test_a_task_about_deliveries_is_closed_with_a_signature_and_a_reason(
    console: Console,
) -> None:
    task_id = "unmatched/bank/main/ref?&=1"
    console.store.database.write_now(_ask_about_deliveries(console, task_id))
    alice = await console.signed_in()
    await alice.go("/tasks")
    [link] = [link for link in alice.links() if "/tasks/one" in link]
    await alice.go(link)
    assert alice.form(DECISION)["reference"] == "ref-1"
    refused = await alice.send("/tasks/dismissal", why=WHY, passphrase="a wrong passphrase")
    assert refused.status_code == 422
    await alice.send("/tasks/dismissal", **_typed())
    assert "is closed" in alice.text
    assert "No tasks." in alice.text
    [row] = console.store.rows(lambda s: s.exec(select(TaskRow)).all())
    assert (row.closed_by, row.closed_why) == ("alice", WHY)
    [signature] = _signatures(console)
    assert (signature.by, signature.kind) == ("alice", "dismiss")


async def test_a_payment_that_waits_for_us_is_cancelled_in_the_name_of_the_operator(
    console: Console,
) -> None:
    await console.store.accept()

    def ask(session: Session) -> None:
        now = console.clock.now()
        session.add(
            TaskRow(
                task_id="t1", resource_id=PAYMENT, kind="awaiting_us", question="What now?",
                owner=TASK_OWNER, due_at=now, opened_at=now,
            )
        )  # fmt: skip

    console.store.database.write_now(ask)
    alice = await _at(console, "t1")
    await alice.send("/tasks/cancel", why="ordered twice")
    assert alice.page.url.path == f"/payments/{PAYMENT}"
    assert await _state(console) is PaymentState.CANCELLED
    assert "asked by console/alice: ordered twice" in alice.text


async def test_no_secret_is_stored_logged_or_shown(
    console: Console, task: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    alice = await _at(console, task)
    await alice.send(DECISION, files={"evidence": LETTER}, **_typed(decision="not_executed"))
    key = console.keys["alice"].read_text().splitlines()[-3]
    for secret in (PASSPHRASES["alice"], key):
        assert secret.encode() not in console.store.kept()
        assert secret not in caplog.text
        assert secret not in alice.page.text
        assert secret not in repr(console.desk.sessions.__dict__)
