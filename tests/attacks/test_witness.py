"""What a partner shows under our keys, and the database knows nothing of, halts before a send."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.ids import payment_id_of
from domain.lifecycle.answers import Shown, Unanswered
from domain.lifecycle.profile import IdempotencyKind, LookupKind, Profile
from domain.lifecycle.resource import Certainty
from domain.lifecycle.witness import Known
from domain.payments.report import PaymentState
from store.halts import Halts
from tests.activities.steps import Steps
from tests.clock import SteppedClock
from tests.fakes import ACCOUNT, BANK, ListingPartner, profile
from tests.store.books import PAYMENT, Store, in_doubt
from tests.store.copies import copy_of, set_back
from tests.words import OnSend

STRONG = profile(IdempotencyKind.REJECT_DUPLICATE, LookupKind.STRONG)
#: Of another system's payment, and of one of a person who used the partner's web console.
FOREIGN = ("9f1c6a52-6f0b-4a53-8f0a-0d9d1c2b3a45", None)


async def _steps(store: Store, of: Profile = STRONG) -> Steps:
    await store.accept(as_of=of)
    return Steps(store, ListingPartner(of, store.clock))


def _listing(steps: Steps) -> ListingPartner:
    assert isinstance(steps.partner, ListingPartner)
    return steps.partner


async def _halts(store: Store) -> list[str]:
    return [halt.why for halt in await Halts(store.database).in_force()]


async def _lift(store: Store) -> None:
    await store.rounds.prove(Known(), store.clock.now())
    for halt in await Halts(store.database).in_force():
        await Halts(store.database).lift(halt.number, by="alice", now=store.clock.now())


async def test_a_new_database_at_a_partner_that_shows_payments_of_ours_sends_nothing(
    store: Store, clock: SteppedClock
) -> None:
    """Somebody deleted it, or it is restored together with Temporal from before they were made."""
    steps = await _steps(store)
    _listing(steps).listed += [
        Shown(f"lost-{n}", f"{n}" * 32, clock.now() - timedelta(days=9 - n)) for n in range(2, 9)
    ]
    view = await steps.instructed()
    assert view.payment.state is PaymentState.CREATED
    assert steps.partner.count("submit") == 0
    [why] = await _halts(store)
    assert f"{BANK}/{ACCOUNT} shows 7 payments that this database does not know" in why
    assert "lost-2, lost-3, lost-4, lost-5, lost-6 and 2 more" in why


async def test_payments_that_others_made_at_the_same_account_halt_nothing(
    store: Store, clock: SteppedClock
) -> None:
    steps = await _steps(store)
    _listing(steps).listed += [Shown(f"p{key}", key, clock.now()) for key in FOREIGN]
    await steps.instructed()
    assert await _halts(store) == []
    assert steps.partner.count("submit") == 1


async def test_nothing_new_is_sent_before_the_partner_could_be_asked_and_lookups_go_on(
    store: Store, clock: SteppedClock
) -> None:
    steps = await _steps(store)
    partner = _listing(steps)
    partner.unlisted = Unanswered("answered with 503")
    view = await steps.instructed()
    assert partner.count("submit") == 0
    record = await store.payments.record(PAYMENT)
    assert record.waiting_for is not None
    assert "nothing new is sent to bank/main until" in record.waiting_for
    await steps.instructed()
    assert partner.count("list") == 1, "it is not asked again by each payment"
    partner.unlisted = None
    clock.step(timedelta(seconds=20))
    view = await steps.instructed()
    assert view.payment.certainty is Certainty.SENT


async def test_a_lookup_goes_on_where_the_partner_could_not_be_asked_for_its_list(
    store: Store, clock: SteppedClock
) -> None:
    """Sent by another process, and lost; this one has compared nothing yet."""
    of = profile(IdempotencyKind.NONE, LookupKind.STRONG)
    steps = await _steps(store, of)
    _listing(steps).on_send.append(OnSend.LOST_AFTER)
    await steps.instructed()
    successor = Steps(store, steps.partner)
    _listing(steps).unlisted = Unanswered("answered with 503")
    clock.step(timedelta(minutes=1))
    view = await successor.instructed()
    assert steps.partner.count("find") == 1
    assert view.payment.certainty is Certainty.SENT


@pytest.mark.parametrize("kind", [IdempotencyKind.REJECT_DUPLICATE, IdempotencyKind.NONE])
async def test_restored_with_temporal_from_one_copy_and_given_again_it_is_one_payment(
    store: Store, clock: SteppedClock, kind: IdempotencyKind
) -> None:
    """Nothing of ours remembers it. The partner shows it under the key that it would get again."""
    of = profile(kind, LookupKind.STRONG)
    payment_id = payment_id_of("shop", "k")
    partner = ListingPartner(of, clock)
    steps = Steps(store, partner, payment_id)
    await store.accept("earlier", as_of=of)  # Known to the copy, and not sent.
    copy = copy_of(store.database)
    await store.accept("k", payment_id=payment_id, as_of=of)
    await steps.instructed()
    assert len(partner.effects) == 1
    clock.step(timedelta(minutes=5))
    set_back(store.database, copy)
    await store.accept("k", payment_id=payment_id, as_of=of)
    steps = Steps(store, partner, payment_id)
    for _ in range(3):
        clock.step(timedelta(minutes=1))
        await steps.instructed()
    [why] = await _halts(store)
    assert "shows a payment that this database does not know" in why
    view = await store.payments.view(payment_id)
    assert view.payment.partner_reference == partner.effects[0].reference
    await _lift(store)
    for _ in range(3):
        clock.step(timedelta(minutes=1))
        await steps.instructed()
    assert len(partner.effects) == 1


async def test_what_was_found_and_lifted_does_not_halt_again(
    store: Store, clock: SteppedClock
) -> None:
    steps = await _steps(store)
    _listing(steps).listed.append(Shown("lost", "K" * 32, clock.now()))
    await steps.instructed()
    await _lift(store)
    clock.step(timedelta(seconds=20))
    await Steps(store, steps.partner).witness().compare_all()
    assert await _halts(store) == []


async def test_a_round_finds_what_was_forgotten_under_running_workers(
    store: Store, clock: SteppedClock
) -> None:
    steps = await _steps(store)
    witness = steps.witness()
    await witness.compare_all()
    copy = copy_of(store.database)
    await steps.instructed()
    await witness.compare_all()
    assert await _halts(store) == []
    set_back(store.database, copy)
    await witness.compare_all()
    assert len(await _halts(store)) == 1


async def test_an_attempt_in_doubt_is_no_stranger(store: Store, clock: SteppedClock) -> None:
    """Its reference is not known yet, and its key is."""
    steps = await _steps(store)
    _listing(steps).on_send.append(OnSend.LOST_AFTER)
    await steps.instructed()
    await steps.witness().compare_all()
    assert await _halts(store) == []


async def test_of_an_earlier_release_only_what_comes_after_it_halts(
    store: Store, clock: SteppedClock
) -> None:
    """Its attempts were written without their keys, and one may just be in doubt."""
    steps = await _steps(store)
    await store.begin()
    await store.sent(in_doubt())
    _listing(steps).listed.append(Shown("of-before", "B" * 32, clock.now()))
    clock.step(timedelta(seconds=1))
    await steps.witness().compare_all()
    assert await _halts(store) == []
    _listing(steps).listed.append(Shown("of-after", "A" * 32, clock.now()))
    await steps.witness().compare_all()
    [why] = await _halts(store)
    assert "of-after" in why
    assert "of-before" not in why


async def test_a_long_list_is_read_to_its_end(store: Store, clock: SteppedClock) -> None:
    steps = await _steps(store)
    for n in range(7):
        clock.step(timedelta(seconds=1))
        _listing(steps).listed.append(Shown(f"p{n}", None, clock.now()))
    clock.step(timedelta(seconds=1))
    _listing(steps).listed.append(Shown("lost", "K" * 32, clock.now()))
    await steps.instructed()
    assert len(await _halts(store)) == 1
    assert steps.partner.count("list") > 3


async def test_a_forgotten_send_is_dated_as_early_as_the_partner_shows_it(
    store: Store, clock: SteppedClock
) -> None:
    """Its key may be remembered no longer: a resend that relies on it would pay twice."""
    of = profile(IdempotencyKind.REPLAY_STATE, LookupKind.STRONG)
    steps = await _steps(store, of)
    key = (await store.book.draft(f"{PAYMENT}/pay/1", clock.now())).subject.keys[0]
    _listing(steps).listed.append(Shown("lost", key, clock.now() - timedelta(days=3)))
    await steps.instructed()
    [attempt] = (await store.payments.view(PAYMENT)).instructions[0].book.attempts
    assert attempt.opened_at == clock.now() - timedelta(days=3)
    assert steps.partner.count("submit") == 0
