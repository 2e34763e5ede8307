"""Every edge between two states that a partner can make a payment take, on a real server.

What our own book, checks and people make of it is in `test_cancel`, `test_decisions`, `test_lives`
and `test_waits`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlmodel import col, select

from domain.lifecycle.resource import Certainty
from domain.payments.order import Rail
from domain.payments.report import PaymentState as S
from domain.payments.states import may_follow
from local.temporal_server import DevServer
from store.tables.lifecycles import StateRow
from tests import operators
from tests.fakes import ACCOUNT, BANK, order, profile
from tests.polling import eventually
from tests.words import Word
from tests.world import World, world

#: What a partner may say; the other states follow from our own book, commands and checks.
TOLD = [
    S.AWAITING_US, S.AWAITING_USER, S.AWAITING_PARTNER, S.ACCEPTED, S.AUTHORISED, S.PROCESSING,
    S.SETTLED, S.FINAL, S.RETURNED, S.REJECTED, S.CANCELLED, S.EXPIRED,
]  # fmt: skip
#: Nothing is read in these any more, unless the partner has news.
ENDED = {S.FINAL, S.RETURNED, S.REJECTED, S.CANCELLED, S.EXPIRED}
WATCHED = [state for state in TOLD if state not in ENDED]


def _word(state: S) -> Word:
    return Word(state.value, state, returned_minor=12_345 if state is S.RETURNED else 0)


def _entered(made: World, payment_id: str) -> list[tuple[str, str]]:
    rows = made.assembly.database.read_now(
        lambda s: s.exec(
            select(StateRow)
            .where(StateRow.resource_id == payment_id)
            .order_by(col(StateRow.number))
        ).all()
    )
    return [(row.state, row.certainty) for row in rows]


async def _begun(made: World, name: str, words: list[S]) -> str:
    """A payment of which the partner says these words, one a read."""
    made.partner.lives[name[:35]] = tuple(map(_word, words))
    now = made.assembly.clock.now()
    of = order(now, end_to_end_id=name[:35], remittance_information=name)
    return (await made.pay(name, of=of)).payment_id


async def _lived(made: World, words: list[S]) -> list[tuple[str, str]]:
    """The states that a payment enters when the partner says these words, and no others."""
    name = "-".join(word.value for word in words)
    payment_id = await _begun(made, name, words)
    await _has_heard(made, payment_id, words[-1])
    return _entered(made, payment_id)


async def _has_heard(made: World, payment_id: str, word: S) -> None:
    async def said() -> bool:
        payment = await made.payment(payment_id)
        return payment.partner_status == word or payment.is_frozen

    await eventually(said, f"{word} of {payment_id}", seconds=120, every=0.2)


async def _answered(made: World, first: S) -> list[tuple[str, str]]:
    """The states that a payment enters when this is what the partner answers to its send."""
    name = f"first-{first.value}"
    made.partner.replies[name] = _word(first)
    payment_id = await _begun(made, name, [first])
    await _has_heard(made, payment_id, first)
    return _entered(made, payment_id)


async def _lived_on(made: World, end: S, then: S) -> list[tuple[str, str]]:
    """The states that an ended payment enters when the partner has news, and says this."""
    name = f"{end.value}-{then.value}"
    payment_id = await _begun(made, name, [S.SETTLED if end is S.UNCONFIRMED else end])
    if end is S.UNCONFIRMED:
        await made.until(payment_id, S.SETTLED, seconds=120)
        await operators.abandon(made.assembly.commands,
            payment_id, command_id=name, by="alice", why="the partner does not answer",
            now=made.assembly.clock.now(),
        )  # fmt: skip
        await made.ensure_running(payment_id)
    await (await made.handle(payment_id)).result()
    reference = (await made.payment(payment_id)).partner_reference
    assert reference is not None
    [effect] = [one for one in made.partner.effects if one.reference == reference]
    effect.words = deque([_word(then)])
    await made.assembly.inbox.put(
        partner=BANK,
        partner_account=ACCOUNT,
        event_key=name,
        partner_reference=reference,
        body=b"{}",
        now=made.assembly.clock.now(),
    )
    await made.ensure_running(payment_id)
    await _has_heard(made, payment_id, then)
    return _entered(made, payment_id)


#: Many at once on a busy machine: what is slow here must not look like a late write.
PATIENT = profile(
    operation={"write_within": timedelta(minutes=1)},
    watch={Rail.SEPA_CREDIT_TRANSFER: timedelta(milliseconds=50)},
)
#: The same, where nothing becomes final by itself.
WATCHFUL = PATIENT.model_copy(update={"watch": {Rail.SEPA_CREDIT_TRANSFER: timedelta(days=1)}})


def test_a_partner_can_make_a_payment_take_more_than_fifty_edges() -> None:
    assert sum(may_follow(a, b) for a in WATCHED for b in TOLD if a is not b) > 50


@pytest.mark.parametrize("before", WATCHED)
async def test_every_edge_is_taken_and_every_other_pair_freezes(
    server: DevServer, tmp_path: Path, before: S
) -> None:
    others = [state for state in TOLD if state is not before]
    async with world(tmp_path / "home", server.address, of=PATIENT) as made:
        await made.work()
        lives = await asyncio.gather(*(_lived(made, [before, after]) for after in others))
    for after, entered in zip(others, lives, strict=True):
        states = [state for state, _ in entered]
        if may_follow(before, after):
            assert (before, after) in set(pairwise(states)), f"to {after}: {entered}"
        else:
            assert entered[-1] == (before, Certainty.UNKNOWN), f"to {after}: {entered}"
    assert len(made.partner.effects) == len(others)


async def test_every_word_may_be_the_first(server: DevServer, tmp_path: Path) -> None:
    async with world(tmp_path / "home", server.address, of=WATCHFUL) as made:
        await made.work()
        lives = await asyncio.gather(*(_answered(made, first) for first in TOLD))
        for first, entered in zip(TOLD, lives, strict=True):
            states = [state for state, _ in entered]
            assert states == [S.CREATED, S.SUBMITTING, first], entered


@pytest.mark.parametrize("end", sorted({*ENDED, S.UNCONFIRMED}))
async def test_after_an_end_every_edge_is_taken_and_every_other_pair_freezes(
    server: DevServer, tmp_path: Path, end: S
) -> None:
    others = [state for state in TOLD if state is not end]
    async with world(tmp_path / "home", server.address, of=WATCHFUL) as made:
        await made.work()
        lives = await asyncio.gather(*(_lived_on(made, end, then) for then in others))
    for then, entered in zip(others, lives, strict=True):
        states = [state for state, _ in entered]
        if may_follow(end, then):
            assert (end, then) in set(pairwise(states)), f"to {then}: {entered}"
        elif (end, then) == (S.FINAL, S.SETTLED):
            assert entered[-1] == (S.FINAL, Certainty.SENT), "final is settled still"
        else:
            # What is in question is not final, and otherwise keeps its state.
            keeps = S.SETTLED if end is S.FINAL else end
            assert entered[-1] == (keeps, Certainty.UNKNOWN), f"to {then}: {entered}"
    assert len(made.partner.effects) == len(others)
