"""What an answer to a send proves, for every fault on the menu."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from domain.lifecycle.answers import (
    Absent,
    Accepted,
    Duplicate,
    Found,
    InDoubt,
    NotSent,
    Prepared,
    Refused,
    TurnedAway,
    Unprepared,
)
from domain.lifecycle.profile import IdempotencyKind
from simulators.kit.menu import AFTER, BEFORE
from tests.partners.conformance.bench import Bank, Instruction

REPLAYS: Final = (IdempotencyKind.REPLAY_RESPONSE, IdempotencyKind.REPLAY_STATE)
#: Faults with an effect of their own, each with a test of its own.
_OTHERS: Final = (
    "refused", "duplicate_word", "unknown_status", "hidden_from_find", "finds_another", "drip",
    "wrong_content_type", "number_for_string", "unauthorised", "rate_limited",
)  # fmt: skip
#: Answers that prove nothing, and whether the order was executed behind them.
DOUBTFUL: Final = (
    *((fault, {}, False) for fault in BEFORE if fault not in _OTHERS),
    *((fault, {}, True) for fault in AFTER if fault not in (*_OTHERS, "missing_field")),
    ("reply_lost_after", {"reset": True}, True),
    ("error_500_after", {"body": "html"}, True),
    ("missing_field", {"field": "id"}, True),
    ("missing_field", {"field": "status"}, True),
    ("delay", {"seconds": 2, "when": "after"}, True),
)


def test_every_fault_of_replies_is_tested() -> None:
    tested = {fault for fault, _, _ in DOUBTFUL} | set(_OTHERS)
    assert {*BEFORE, *AFTER} <= tested


@pytest.mark.parametrize(("fault", "param", "is_executed"), DOUBTFUL, ids=str)
async def test_an_answer_that_proves_nothing_leaves_the_send_in_doubt_and_the_profile_ends_it(
    pay: Instruction, bank: Bank, fault: str, param: dict[str, Any], is_executed: bool
) -> None:
    bank.fault(fault, **param)
    doubt = await pay.submit(seconds=1)
    assert isinstance(doubt, InDoubt), doubt
    assert fault in bank.fired
    assert len(pay.held) == is_executed
    if pay.operation.lookup.is_complete:
        assert isinstance(await pay.adapter.find(pay.subject), Found if is_executed else Absent)
    if not is_executed or pay.operation.idempotency.kind in REPLAYS:
        await pay.accepted()
    assert len(pay.held) == 1


@pytest.mark.parametrize("fault", ["error_500_before", "error_500_after", "service_unavailable"])
async def test_a_server_error_is_reported_as_one(pay: Instruction, bank: Bank, fault: str) -> None:
    """A partner that repeats its first answer may go on to repeat this one."""
    bank.fault(fault)
    doubt = await pay.submit()
    assert isinstance(doubt, InDoubt)
    assert doubt.server_error


@pytest.mark.parametrize(("fault", "status"), [("unauthorised", 401), ("rate_limited", 429)])
async def test_what_was_turned_away_is_not_sent_if_the_profile_declares_it(
    pay: Instruction, bank: Bank, fault: str, status: int
) -> None:
    """A token that dies under a payment ends the attempt; a new one carries the next."""
    bank.fault(fault)
    turned_away = await pay.submit()
    assert isinstance(turned_away, TurnedAway)
    assert turned_away.status == status
    assert status in pay.operation.refusals_without_effect, "else nobody could ever resend"
    assert pay.held == []
    assert await pay.adapter.ready() is None
    await pay.accepted()
    assert len(pay.held) == 1


async def test_a_token_that_dies_between_the_answer_and_the_read_is_replaced(
    pay: Instruction, bank: Bank
) -> None:
    await pay.accepted()
    bank.fault("unauthorised", on=bank.words.read)
    first = await pay.adapter.read(pay.subject)
    assert not isinstance(first, Found)
    assert await pay.adapter.ready() is None
    assert (await pay.was_read()).partner_reference == pay.held[0]["id"]


@pytest.mark.parametrize("fault", ["drip", "wrong_content_type"])
async def test_a_whole_answer_counts_however_it_comes(
    pay: Instruction, bank: Bank, fault: str
) -> None:
    param: dict[str, Any] = {"seconds": 0.005, "bytes": 64} if fault == "drip" else {}
    bank.fault(fault, **param)
    await pay.accepted()
    assert pay.subject.partner_reference == pay.held[0]["id"]


async def test_a_documented_refusal_is_one_and_nothing_was_executed(
    pay: Instruction, bank: Bank
) -> None:
    bank.fault("refused", **bank.words.refused)
    refused = await pay.submit()
    assert isinstance(refused, Refused)
    assert refused.report.reason
    assert refused.report.drift == ()
    assert pay.held == []


async def test_words_that_nobody_documented_prove_nothing(pay: Instruction, bank: Bank) -> None:
    bank.fault("refused", **bank.words.undocumented)
    doubt = await pay.submit()
    assert isinstance(doubt, InDoubt)
    assert doubt.drift


async def test_an_unknown_status_keeps_its_word_and_its_reference(
    pay: Instruction, bank: Bank
) -> None:
    bank.fault("unknown_status", status="parked_elsewhere")
    accepted = await pay.submit()
    assert isinstance(accepted, Accepted)
    assert accepted.report.state is None
    assert accepted.report.partner_status == "parked_elsewhere"
    assert accepted.report.partner_reference == pay.held[0]["id"]


async def test_nothing_is_sent_to_an_address_where_nobody_listens(
    pay: Instruction, bank: Bank
) -> None:
    away = replace(bank, address="http://127.0.0.1:9")
    adapter = away.adapter()
    there = replace(pay, adapter=adapter)
    there.request = pay.request
    assert isinstance(await there.submit(), NotSent)
    await adapter.close()


async def test_a_repeated_key_does_what_the_profile_declares(pay: Instruction) -> None:
    await pay.accepted()
    again = await pay.submit()
    kind = pay.operation.idempotency.kind
    if kind in REPLAYS:
        assert isinstance(again, Accepted)
        assert again.report.partner_reference == pay.held[0]["id"]
    elif kind is IdempotencyKind.REJECT_DUPLICATE:
        assert isinstance(again, Duplicate)
    assert len(pay.held) == (2 if kind is IdempotencyKind.NONE else 1)


async def test_another_order_under_a_used_key_is_never_taken_for_accepted(
    pay: Instruction,
) -> None:
    await pay.accepted()
    order, first = pay.subject.order, pay.subject.partner_reference
    more = order.instructed_amount.model_copy(update={"minor": order.instructed_amount.minor + 1})
    changed = order.model_copy(update={"instructed_amount": more})
    preparation = await pay.adapter.prepare(replace(pay.subject, order=changed, prepared={}))
    if pay.adapter.profile.payer_first is not None:
        # Nothing is sent that the payer did not approve.
        assert isinstance(preparation, Unprepared)
        assert [each["amount_minor"] for each in pay.held] == [order.instructed_amount.minor]
        return
    assert isinstance(preparation, Prepared)
    pay.request = preparation.request
    again = await pay.submit()
    amounts = [each["amount_minor"] for each in pay.held]
    if pay.operation.idempotency.kind is IdempotencyKind.NONE:
        # It executes whatever is sent, so `next_move` never resends to it.
        assert isinstance(again, Accepted)
        assert again.report.partner_reference != first
        assert amounts == [order.instructed_amount.minor, more.minor]
        return
    assert isinstance(again, (Duplicate, Refused, InDoubt))
    assert amounts == [order.instructed_amount.minor]


async def test_the_same_order_is_prepared_as_the_same_bytes(pay: Instruction) -> None:
    first = pay.request
    assert (await pay.prepared()).request == first
