"""The list of everything that was created under our account since some moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.lifecycle.answers import Listed, NotReady, Unanswered
from domain.lifecycle.keys import is_ours
from domain.lifecycle.profile import InstructionKind
from partners.interface import PaymentLister
from tests.partners.currencycloud.lives import Life
from tests.partners.currencycloud.scripted import (
    NOW,
    Answer,
    FakeLoginBook,
    Scripted,
    error,
    page,
    partner,
    payment,
)

FIND = "GET /v2/payments/find"
SINCE = datetime(2026, 11, 23, 9, 0, 0, 500_000, UTC)


def _made(second: int, **changes: Any) -> dict[str, Any]:
    fields = {"id": f"p{second}", "created_at": f"2026-11-23T09:00:{second:02}+00:00", **changes}
    return payment(**fields)


async def _listed(*answers: Answer) -> tuple[Listed | Unanswered, Scripted]:
    script = Scripted().on(FIND, *answers)
    return await partner(script).created_since(SINCE), script


def test_this_partner_lists_what_it_holds() -> None:
    assert isinstance(partner(Scripted()), PaymentLister)


async def test_the_question_misses_no_sub_account_and_nothing_deleted() -> None:
    _, script = await _listed(page("payments"))
    assert script.sent[0].query == {
        "scope": "all",
        "with_deleted": "true",
        "created_at_from": "2026-11-23T09:00:00+00:00",
        "order": "created_at",
        "order_asc_desc": "asc",
        "per_page": "100",
        "page": "1",
    }


async def test_every_page_is_read() -> None:
    listed, script = await _listed(
        page("payments", _made(0), _made(1), next_page=2, total_entries=3),
        page("payments", _made(1), _made(2), total_entries=3),
    )
    assert isinstance(listed, Listed)
    assert [shown.partner_reference for shown in listed.payments] == ["p0", "p1", "p2"]
    assert listed.is_complete
    assert [sent.query["page"] for sent in script.sent] == ["1", "2"]


async def test_a_long_list_is_cut_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("partners.currencycloud.listing._PAGES_MAX", 2)
    listed, script = await _listed(page("payments", _made(1), next_page=9))
    assert isinstance(listed, Listed)
    assert not listed.is_complete
    assert len(script.sent) == 2


@pytest.mark.parametrize(
    "foreign",
    [
        {"unique_request_id": "3d2c7c52-3a05-4a7c-9f5b-0d2b6c2f1a01"},
        {"unique_request_id": None},
        {"amount": "as agreed", "unique_request_id": "x"},
    ],
)
async def test_what_others_made_is_listed_and_is_not_ours(foreign: dict[str, Any]) -> None:
    made = {**_made(1), **foreign}
    listed, _ = await _listed(page("payments", made))
    assert isinstance(listed, Listed), "a field of theirs that we do not need is no reason to stop"
    idempotency = partner(Scripted()).profile.operation(InstructionKind.PAY).idempotency
    assert not is_ours(idempotency, listed.payments[0].key)


@pytest.mark.parametrize(
    "answer",
    [
        (503, "<html>"),
        (429, error("too_many_requests")),
        (200, "{}"),
        page("payments", payment(created_at="yesterday")),
        page("payments", payment(created_at="2026-11-23T09:00:01")),
        page("payments", _made(2), _made(1)),
        page("payments", payment(created_at="2026-11-22T09:00:01+00:00")),
    ],
    ids=["away", "limit", "nothing", "no moment", "no zone", "no order", "not since"],
)
async def test_an_answer_that_does_not_answer_the_question_tells_nothing(answer: Answer) -> None:
    listed, _ = await _listed(answer)
    assert isinstance(listed, Unanswered)


async def test_without_a_login_nothing_is_asked() -> None:
    book = FakeLoginBook(held=None, refuses=NotReady("locked", NOW + timedelta(minutes=5)))
    listed = await partner(Scripted(), book).created_since(SINCE)
    assert listed == Unanswered("locked", retry_at=NOW + timedelta(minutes=5))


async def test_the_simulator_shows_ours_under_its_key_deleted_or_not(life: Life) -> None:
    await life.accepted()
    idempotency = life.adapter.profile.operation(InstructionKind.PAY).idempotency
    for _ in range(2):
        listed = await life.adapter.created_since(datetime.now(UTC) - timedelta(days=30))
        assert isinstance(listed, Listed), listed
        mine = [shown for shown in listed.payments if shown.key == life.subject.keys[0]]
        assert [shown.partner_reference for shown in mine] == [life.subject.partner_reference]
        assert is_ours(idempotency, mine[0].key)
        cancel = life.taken_back()
        await cancel.prepared()
        await cancel.submit()
    later = await life.adapter.created_since(mine[0].created_at + timedelta(seconds=1))
    assert isinstance(later, Listed)
    assert life.subject.keys[0] not in [shown.key for shown in later.payments]
