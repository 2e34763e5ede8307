"""A file is judged, previewed, accepted and followed without a terminal."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from assembly import Assembly, assembled
from messages.credit_transfer import CreditTransferFile
from messages.pain001 import read
from messages.pain002 import Status
from settings import Settings
from starter.client import Orchestrator
from starter.files.accepted import NoSuchFile
from starter.files.judging import FileTerms
from starter.files.outcome import Accepted, FileOutcome, Hindrance, NothingPaid, Verdict
from starter.signing import KeyUnusable, Signer
from store.faults import StoreAway
from store.keyring import Keyring
from tests.messages.files import DEBTOR, Block, nested, pain001, transfer

DAY = date(2026, 11, 25)
TERMS = FileTerms(as_of=DAY)
SKIP = FileTerms(as_of=DAY, skip_invalid=True)
NOW = timedelta(0)
AWAY = StoreAway("the database is away: disk I/O error")


@pytest_asyncio.fixture
async def assembly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Assembly]:
    """A process without Temporal, so that what it records stays unsent."""
    Keyring.make(tmp_path / "keyring")
    account = {"base_url": "http://127.0.0.1:1", "login_id": "l", "api_key": "k", "simulated": True}
    monkeypatch.setenv("FINALITY_CURRENCYCLOUD", json.dumps({"a": account}))
    monkeypatch.setenv("FINALITY_DEBTORS", json.dumps({DEBTOR: {"partner_account": "a"}}))
    async with assembled(Settings(home=tmp_path, temporal_address="127.0.0.1:1")) as made:
        yield made


def line(euros: int, reference: str = "INV-1") -> str:
    return transfer(f"{euros}.00", ids=nested("PmtId/EndToEndId", reference))


#: Refused: longer than an EndToEndId may be.
INVALID = line(99, "X" * 36)


def a_file(message_id: str, *lines: str) -> CreditTransferFile:
    day = nested("ReqdExctnDt/Dt", str(DAY))
    return read(pain001(Block(list(lines), day=day), message_id=message_id))


async def accept(
    assembly: Assembly, content: CreditTransferFile, terms: FileTerms = TERMS
) -> Accepted | NothingPaid:
    judged = await assembly.intake.judge(content, terms)
    return await assembly.intake.accept(judged, terms)


async def pay(
    assembly: Assembly, content: CreditTransferFile, terms: FileTerms = TERMS
) -> FileOutcome:
    accepted = await accept(assembly, content, terms)
    assert isinstance(accepted, Accepted)
    now = assembly.clock.now()
    return await assembly.intake.follow(accepted, now, with_places=True, with_status=True)


async def test_a_file_is_paid_once_however_often_it_is_accepted(assembly: Assembly) -> None:
    content = a_file("MSG-1", line(11), line(22))
    first, again = await pay(assembly, content), await pay(assembly, content)
    assert (first.verdict, first.known) == (Verdict.ALL_WELL, 0)
    assert (again.verdict, again.known) == (Verdict.ALL_WELL, 2)
    assert [one.payment_id for one in first.records] == [one.payment_id for one in again.records]
    assert first.accepted.recorded.is_left_to_relay
    assert {place.line for place in first.places.values()} == {1, 2}
    assert first.status is not None
    assert [one.status for one in first.status.lines] == [Status.CHECKED, Status.CHECKED]


async def test_the_outcome_counts_what_is_unsent_and_why(assembly: Assembly) -> None:
    outcome = await pay(assembly, a_file("MSG-1", line(11), line(22), INVALID), SKIP)
    assert outcome.verdict is Verdict.SOME_NOT
    counts = {what: count for what, count in outcome.counts.items() if count}
    assert counts == {"not sent yet": 2, "refused lines": 1}
    [(why, count)] = outcome.unsent.items()
    assert count == 2
    assert "no worker has begun it" in why
    [refused] = outcome.refused
    assert (refused.line and refused.line.position, refused.state) == (3, "refused")


async def test_a_refused_line_holds_the_whole_file_and_nothing_is_stored(
    assembly: Assembly,
) -> None:
    held = await accept(assembly, a_file("MSG-1", line(11), INVALID))
    assert isinstance(held, NothingPaid)
    assert held.hindrance is Hindrance.REFUSED_LINES
    assert {one.line.position for one in held.unpaid if one.line} == {1, 2}
    assert (await assembly.orchestrator.find()).records == []
    with pytest.raises(NoSuchFile):
        await assembly.accepted_files.find("MSG-1")
    status = assembly.intake.status_of_unpaid(held.judged, held.why)
    assert {one.status for one in status.lines} == {Status.REJECTED}


async def test_a_repeat_holds_the_file_until_it_is_acknowledged(assembly: Assembly) -> None:
    [earlier] = (await pay(assembly, a_file("MSG-1", line(11)))).records
    content = a_file("MSG-2", line(11), line(22))
    held = await accept(assembly, content)
    assert isinstance(held, NothingPaid)
    assert held.hindrance is Hindrance.REPEATS
    assert held.unpaid[0].duplicate_of == (earlier.payment_id,)
    said = FileTerms(as_of=DAY, acknowledge=frozenset({earlier.payment_id}))
    assert (await pay(assembly, content, said)).verdict is Verdict.ALL_WELL


async def test_another_file_under_a_message_id_that_is_taken_is_refused(
    assembly: Assembly,
) -> None:
    await pay(assembly, a_file("MSG-1", line(11)))
    held = await accept(assembly, a_file("MSG-1", line(22)))
    assert isinstance(held, NothingPaid)
    assert (held.hindrance, held.why.code) == (Hindrance.FILE, "DU01")
    assert held.unpaid[0].reason.startswith("DU01 ")


async def test_an_operator_who_cannot_sign_records_nothing(assembly: Assembly) -> None:
    def sign() -> Signer:
        raise KeyUnusable("there is no passphrase")

    judged = await assembly.intake.judge(a_file("MSG-1", line(11)), TERMS)
    held = await assembly.intake.accept(judged, TERMS, sign=sign)
    assert isinstance(held, NothingPaid)
    assert (held.hindrance, held.why.text) == (Hindrance.FILE, "there is no passphrase")
    assert (await assembly.orchestrator.find()).records == []


async def test_lines_whose_state_cannot_be_read_are_not_hidden(
    assembly: Assembly, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise AWAY

    monkeypatch.setattr(Orchestrator, "get_many", away)
    outcome = await pay(assembly, a_file("MSG-1", line(11)))
    assert outcome.verdict is Verdict.SOME_NOT
    [unread] = outcome.unread_lines
    assert (unread.state, unread.payment_id) == ("created", outcome.accepted.payment_ids[0])
    assert str(AWAY) in unread.reason


async def test_a_preview_sums_up_each_balance_and_records_nothing(assembly: Assembly) -> None:
    judged = await assembly.intake.judge(a_file("MSG-1", line(11), line(22)), TERMS)
    preview = await assembly.intake.preview(judged)
    [leaving] = preview.sums
    assert (leaving.payments, leaving.total.minor) == (2, 33_00)
    assert not preview.is_sure, "the partner cannot be reached"
    assert preview.verdict(TERMS) is Verdict.SOME_NOT
    assert (await assembly.orchestrator.find()).records == []


async def test_an_accepted_file_is_found_and_cancelled_whole(assembly: Assembly) -> None:
    await pay(assembly, a_file("MSG-1", line(11), INVALID), SKIP)
    files = assembly.accepted_files
    assert [one.message_id for one in await files.newest(limit=10)] == ["MSG-1"]
    found = await files.find("MSG-1")
    assert (len(found.lines), len(found.paid), found.unrecorded) == (2, 1, [])
    assert found.lines_by_status == {"ACTC": 1, "RJCT": 1}
    first, again = [
        await files.cancel(found, by="test", why="wrong file", within=NOW) for _ in range(2)
    ]
    assert [one.is_done for one in first] == [True]
    assert first[0].receipt.command.command_id == again[0].receipt.command.command_id
    with pytest.raises(NoSuchFile) as other:
        await files.find("MSG-1", party="somebody else")
    assert other.value.found == []
