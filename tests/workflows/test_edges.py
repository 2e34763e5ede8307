"""Every edge between two states that a partner can make a payment take, on a real server."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from sqlmodel import col, select

from domain.order import Rail
from domain.payment import Certainty
from domain.report import PaymentState as S
from domain.states import may_follow
from local.temporal_server import DevServer
from store.tables import StateRow
from tests.fakes import Word, order, profile
from tests.world import World, eventually, world

#: What a partner may say; the other states follow from our own book, commands and checks.
TOLD = [
    S.AWAITING_US, S.AWAITING_USER, S.AWAITING_PARTNER, S.ACCEPTED, S.AUTHORISED, S.PROCESSING,
    S.SETTLED, S.FINAL, S.RETURNED, S.REJECTED, S.CANCELLED,
]  # fmt: skip
#: Nothing is read in these any more, so a read can bring no next word.
ENDED = {S.FINAL, S.RETURNED, S.REJECTED, S.CANCELLED}


def _word(state: S) -> Word:
    return Word(state.value, state, returned_minor=12_345 if state is S.RETURNED else 0)


def _entered(made: World, payment_id: str) -> list[tuple[str, str]]:
    rows = made.assembly.database.read_now(
        lambda s: s.exec(
            select(StateRow).where(StateRow.payment_id == payment_id).order_by(col(StateRow.number))
        ).all()
    )
    return [(row.state, row.certainty) for row in rows]


async def _lived(made: World, words: list[S]) -> list[tuple[str, str]]:
    """The states that a payment enters when the partner says these words, and no others."""
    name = "-".join(word.value for word in words)
    now = made.assembly.clock.now()
    made.partner.lives[name[:35]] = tuple(map(_word, words))
    payment_id = (
        await made.pay(name, of=order(now, end_to_end_id=name[:35], remittance_information=name))
    ).payment_id

    async def said() -> bool:
        payment = await made.payment(payment_id)
        return payment.partner_status == words[-1] or payment.is_frozen

    await eventually(said, name, seconds=120)
    return _entered(made, payment_id)


async def test_every_edge_is_taken_and_every_other_pair_freezes(
    server: DevServer, tmp_path: Path
) -> None:
    pairs = [(a, b) for a in TOLD if a not in ENDED for b in TOLD if a is not b]
    # Many at once on a busy machine: what is slow here must not look like a late write.
    of = profile(
        operation={"write_within": timedelta(minutes=1)},
        watch={Rail.SEPA_CREDIT_TRANSFER: timedelta(milliseconds=50)},
    )
    async with world(tmp_path / "home", server.address, of=of) as made:
        await made.work()
        lives = await asyncio.gather(*(_lived(made, [a, b]) for a, b in pairs))
        taken = 0
        for (before, after), entered in zip(pairs, lives, strict=True):
            states = [state for state, _ in entered]
            if may_follow(before, after):
                assert (before, after) in set(pairwise(states)), f"{before} to {after}: {entered}"
                taken += 1
            else:
                assert entered[-1] == (before, Certainty.UNKNOWN), f"{before} to {after}: {entered}"
        assert taken > 50
        assert len(made.partner.effects) == len(pairs)
