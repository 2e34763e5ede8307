"""Decisions in a browser: signed by the operator's key, by the code behind `finality resolve`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, select

from domain.lifecycle.command import CommandKind
from domain.lifecycle.questions import TASK_OWNER
from domain.lifecycle.statement import Statement
from domain.payments.report import PaymentState
from starter.console.attempts import Attempts
from starter.console.tasks import DECISION
from starter.operations import EVIDENCE_BYTES_MAX
from starter.signing import KeyFile
from store.tables.people import SignatureRow, TaskRow
from tests.starter.console.conftest import PASSPHRASES, Browser, Console
from tests.store.books import PAYMENT

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
    console.desk.attempts = Attempts(burst=2, every_seconds=3600)
    right = _typed(decision="executed", reference="ref-7")
    for _ in range(2):
        await alice.send(DECISION, **right | {"passphrase": "a guess, long enough"})
        assert "does not open" in alice.text
    await alice.send(DECISION, **right)
    assert "was wrong too often" in alice.text
    assert await _state(console) is PaymentState.SUBMITTING
    console.desk.attempts = Attempts(burst=1, every_seconds=3600)
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


async def test_a_form_that_is_sent_twice_decides_once(console: Console, task: str) -> None:
    alice = await _at(console, task)
    fields = alice.form(DECISION) | _typed(decision="not_executed")
    for _ in range(2):
        got = await alice.http.post(DECISION, data=fields, files={"evidence": ("f", LETTER)})
        assert got.status_code == 303
    commands = await console.store.commands.of(PAYMENT)
    assert [command.command_id for command in commands] == [fields["command_id"]]


async def test_a_task_about_deliveries_is_closed_with_a_signature_and_a_reason(
    console: Console,
) -> None:
    def ask(session: Session) -> None:
        now = console.clock.now()
        session.add(
            TaskRow(
                task_id="unmatched/bank/main/ref?&=1", kind="unmatched", question="Whose is ref-1?",
                owner=TASK_OWNER, due_at=now + timedelta(hours=1), opened_at=now, partner="bank",
                partner_account="main", partner_reference="ref-1",
            )
        )  # fmt: skip

    console.store.database.write_now(ask)
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


async def test_halts_are_made_and_lifted_with_a_signature(console: Console) -> None:
    await console.store.accept()
    alice = await console.signed_in()
    await alice.go("/halts")
    assert "No halt is in force" in alice.text
    refused = await alice.send("/halts", why="", passphrase=PASSPHRASES["alice"])
    assert (refused.status_code, await console.assembly.operations.halts()) == (422, [])
    assert "Why: is missing" in alice.text
    refused = await alice.send("/halts", why=WHY, tenant="Shop", passphrase=PASSPHRASES["alice"])
    assert refused.status_code == 422
    assert "is 'shop' meant?" in alice.text
    await alice.send("/halts", tenant="shop", **_typed())
    assert "Halt 1 is in force" in alice.text
    assert "tenant shop 1 alice" in alice.text
    refused = await alice.send("/halts/lift", number="1", passphrase="a wrong passphrase")
    assert refused.status_code == 422
    for number in ("", "2", "\u00b2", "9" * 20):
        refused = await alice.send("/halts/lift", number=number, passphrase=PASSPHRASES["alice"])
        assert refused.status_code == 422
    await alice.send("/halts/lift", number="1", passphrase=PASSPHRASES["alice"])
    assert "Halt 1 is lifted" in alice.text
    kinds = [(row.kind, row.by) for row in _signatures(console)]
    assert sorted(kinds) == [("halt", "alice"), ("lift", "alice"), ("lift", "alice")]
