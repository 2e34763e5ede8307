"""The shapes of history that are kept, and how each comes about on a real server."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from activities.clocks import Moments
from activities.messages import Step
from activities.partner_steps import PartnerSteps
from domain.account_data.due import FEED
from domain.consents.instructions import ConsentInstruction
from domain.consents.report import ConsentState
from domain.ids import workflow_id
from domain.lifecycle.answers import NotReady
from domain.lifecycle.heard import Heard
from domain.lifecycle.profile import IdempotencyKind, LookupKind, Profile
from domain.lifecycle.resource import Certainty
from domain.payments.order import Rail, Times
from domain.payments.report import PaymentState
from starter.running import Running
from store.halts import Halts
from store.keyring import Keyring
from tests import operators
from tests.account_data.bank import line
from tests.consents.bank import profile as consents_profile
from tests.consents.home import ConsentHome, consent_home
from tests.fakes import ACCOUNT, BANK, order, profile
from tests.polling import eventually
from tests.store.copies import copy_of, set_back
from tests.words import COMPLETED, READY, OnSend, Word
from tests.world import World, world
from workflows.upkeep import Round, UpkeepWorkflow

FOLDER: Final = Path(__file__).parent
HISTORIES: Final = FOLDER / "histories"
_KEY_ID, _, _KEY = (FOLDER / "keyring").read_text().strip().partition(":")
#: Opens the saved histories and nothing else in the world. It is no secret, and a checkout makes it
#: readable by all, so it is not read as a keyring of an installation is.
KEYRING: Final = Keyring({_KEY_ID: b64decode(_KEY)}, _KEY_ID)
UPKEEP: Final = "upkeep"

Life = Callable[[Any], Awaitable[str]]


@dataclass(frozen=True)
class Shape:
    """One kind of history; `live` plays it and gives the workflow id."""

    live: Life
    of: Profile = field(default_factory=profile)
    suggests_new_run_after: int | None = None
    """How many events make the server suggest to go on as new, where it is to do so."""
    place: Callable[..., AbstractAsyncContextManager[Any]] = world
    """The process in which it is lived."""


def _watched_for(watch: timedelta) -> Profile:
    return profile(watch={Rail.SEPA_CREDIT_TRANSFER: watch})


async def _ended(world: World, payment_id: str) -> str:
    handle = await world.handle(payment_id)
    await handle.result()
    return handle.id


async def _waiting(world: World, payment_id: str) -> str:
    """Once it waits, which is where a history may well be cut off by a new release."""
    handle = await world.handle(payment_id)

    async def waits() -> bool:
        events = (await handle.fetch_history()).events
        return events[-1].HasField("timer_started_event_attributes")

    await eventually(waits, f"{payment_id} waiting")
    return handle.id


async def settled_and_final(world: World) -> str:
    payment_id = (await world.pay()).payment_id
    await world.until(payment_id, PaymentState.FINAL)
    return await _ended(world, payment_id)


async def lost_reply_found_by_lookup(world: World) -> str:
    world.partner.on_send.append(OnSend.LOST_AFTER)
    payment_id = (await world.pay()).payment_id
    await world.until(payment_id, PaymentState.SETTLED)
    return await _waiting(world, payment_id)


async def parked(world: World) -> str:
    world.partner.on_send.append(OnSend.LOST_AFTER)
    payment_id = (await world.pay()).payment_id

    async def in_doubt() -> bool:
        return (await world.payment(payment_id)).certainty is Certainty.UNKNOWN

    await eventually(in_doubt, "the doubt")
    return await _waiting(world, payment_id)


async def refused(world: World) -> str:
    world.partner.on_send.append(OnSend.REFUSED)
    return await _ended(world, (await world.pay()).payment_id)


async def expired(world: World) -> str:
    now = world.assembly.clock.now()
    world.partner.not_ready = NotReady("no login", now + timedelta(hours=1))
    soon = order(now, times=Times(submit_before=now + timedelta(seconds=2)))
    return await _ended(world, (await world.pay(of=soon)).payment_id)


async def look_again_in_a_wait(world: World) -> str:
    payment_id = (await world.pay()).payment_id
    await world.until(payment_id, PaymentState.SETTLED)
    await _waiting(world, payment_id)
    world.partner.says(Word("failed", PaymentState.RETURNED, returned_minor=12_345))
    await world.assembly.inbox.put(
        partner=BANK,
        partner_account=ACCOUNT,
        event_key="e",
        partner_reference=world.partner.effects[0].reference,
        body=b"{}",
        now=world.assembly.clock.now(),
    )
    await world.ensure_running(payment_id)
    return await _ended(world, payment_id)


async def first_news_asked_twice(world: World) -> str:
    patience = timedelta(seconds=20)
    payment_id = (await world.pay(patience=patience)).payment_id
    await world.until(payment_id, PaymentState.SETTLED)
    workflow_id = await _waiting(world, payment_id)
    await world.pay(patience=patience)
    return workflow_id


async def a_step_failed(world: World) -> str:
    world.partner.on_send.append(OnSend.BUG_AFTER)
    payment_id = (await world.pay()).payment_id
    await world.until(payment_id, PaymentState.SETTLED)
    return await _waiting(world, payment_id)


@contextmanager
def _store_away() -> Iterator[None]:
    """Steps hand over what they heard instead of recording it."""
    record = PartnerSteps._record

    async def handed_over(_: PartnerSteps, heard: Heard, __: Moments) -> Step:
        return Step(said="not recorded yet", unrecorded=heard)

    setattr(PartnerSteps, record.__name__, handed_over)
    try:
        yield
    finally:
        setattr(PartnerSteps, record.__name__, record)


async def recorded_by_the_workflow(world: World) -> str:
    with _store_away():
        payment_id = (await world.pay()).payment_id
        await world.until(payment_id, PaymentState.SETTLED)
        return await _waiting(world, payment_id)


async def upkeep(world: World) -> str:
    payment_id = await world.record_only()
    client = await world.assembly.client()

    async def swept() -> bool:
        done = await client.execute_workflow(UpkeepWorkflow.run, id=UPKEEP, task_queue="finality")
        assert isinstance(done, Round)
        return done.said != "started 0 unstarted and 0 stopped payments"

    await eventually(swept, "the sweep")
    await world.until(payment_id, PaymentState.SETTLED)
    return UPKEEP


async def cancelled_at_the_partner(world: World) -> str:
    world.partner.says(READY)
    payment_id = (await world.pay()).payment_id
    await world.until(payment_id, PaymentState.ACCEPTED)
    await world.assembly.commands.cancel(
        payment_id, command_id="c", by="shop", why="", now=world.assembly.clock.now()
    )
    await world.ensure_running(payment_id)
    return await _ended(world, payment_id)


async def cancelled_in_temporal(world: World) -> str:
    world.partner.says(READY)
    payment_id = (await world.pay()).payment_id
    await world.until(payment_id, PaymentState.ACCEPTED)
    await (await world.handle(payment_id)).cancel()
    return await _ended(world, payment_id)


async def given_up_at_its_deadline(world: World) -> str:
    world.partner.says(READY)
    now = world.assembly.clock.now()
    soon = Times(submit_before=now + timedelta(seconds=1), execute_by=now + timedelta(seconds=2))
    return await _ended(world, (await world.pay(of=order(now, times=soon))).payment_id)


async def found_executed(world: World) -> str:
    workflow_id = await parked(world)
    payment_id = workflow_id.rpartition("/")[2]
    await operators.executed(
        world.assembly.commands,
        payment_id,
        command_id="d",
        by="alice",
        why="",
        now=world.assembly.clock.now(),
    )
    await world.ensure_running(payment_id)
    return await _ended(world, payment_id)


async def continued_as_new(world: World) -> str:
    """While somebody waits for first news: the run begins with a read that keeps breaking off."""
    payment_id = (await world.pay()).payment_id
    await world.until(payment_id, PaymentState.ACCEPTED)
    first = await world.handle(payment_id)
    await first.terminate("in the UI")
    world.partner.reads_break_off = True
    asked = Running(await world.assembly.client())
    assert await asked.first_news("shop", payment_id, patience=timedelta(seconds=25)) is not None
    world.partner.reads_break_off = False
    return first.id


async def its_payment_was_gone_for_a_while(world: World) -> str:
    database = world.assembly.database
    before = copy_of(database)
    world.partner.says(READY)
    payment_id = (await world.pay()).payment_id
    await world.until(payment_id, PaymentState.ACCEPTED)
    after = copy_of(database)
    set_back(database, before)
    await world.ensure_running(payment_id)

    async def halted() -> bool:
        return bool(await Halts(database).in_force())

    await eventually(halted, "the halt")
    world.partner.says(COMPLETED)
    set_back(database, after)
    await world.ensure_running(payment_id)
    await world.until(payment_id, PaymentState.SETTLED)
    return await _waiting(world, payment_id)


async def consent_renewed_and_ended(home: ConsentHome) -> str:
    consent_id = await home.connected(regime="uk")
    home.bank.change(status="loginRequired")
    await home.until(consent_id, ConsentState.NEEDS_REAUTH)
    await home.renew(consent_id)

    async def asked_again() -> bool:
        return (await home.consent(consent_id)).is_renewing

    await eventually(asked_again, "the page to authenticate again", 90)
    await home.come_back(home.bank.authorise())
    await home.until(consent_id, ConsentState.ACTIVE)
    await home.assembly.consents.revoke(consent_id, "e", tenant="shop", by="u-1")
    return await _consent_ended(home, consent_id)


async def consent_abandoned(home: ConsentHome) -> str:
    soon = home.assembly.clock.now() + timedelta(seconds=10)
    asked = await home.ask(submit_before=soon, authorise_by=soon)
    return await _consent_ended(home, asked.consent_id)


async def feed_waits_for_the_erasure(home: ConsentHome) -> str:
    """A feed reads, is asked again while it waits, and outlives its consent."""
    home.data.lines = [line(f"{number}") for number in range(5)]
    consent_id = await home.connected()

    async def refreshed() -> None:
        assert await home.assembly.accounts.refresh(consent_id, tenant="shop")

    async def listings(count: int) -> None:
        async def seen() -> bool:
            return sum(call.endswith("None None") for call in home.data.calls) >= count

        await eventually(seen, f"{count} listings", 90)

    await refreshed()
    await listings(2)  # The second one looks whether the first page moved.
    its_id = workflow_id("shop", consent_id, FEED)
    handle = (await home.assembly.client()).get_workflow_handle(its_id)

    async def waits() -> bool:
        events = (await handle.fetch_history()).events
        return events[-1].HasField("timer_started_event_attributes")

    await eventually(waits, "the wait for the next reading")
    await refreshed()
    await home.assembly.consents.revoke(consent_id, "e", tenant="shop", by="u-1")
    await _consent_ended(home, consent_id)
    await refreshed()

    async def to_be_erased() -> bool:
        (account,), _ = await home.assembly.accounts.accounts(tenant="shop")
        return account.erase_at is not None and await waits()

    await eventually(to_be_erased, "the wait for the erasure")
    return its_id


async def _consent_ended(home: ConsentHome, consent_id: str) -> str:
    handle = await home.handle(consent_id)
    await handle.result()
    return handle.id


SHAPES: Final[dict[str, Shape]] = {
    "settled_and_final": Shape(settled_and_final, _watched_for(timedelta(seconds=1))),
    "lost_reply_found_by_lookup": Shape(lost_reply_found_by_lookup),
    "duplicate_on_second_send": Shape(
        lost_reply_found_by_lookup, profile(IdempotencyKind.REJECT_DUPLICATE)
    ),
    "parked": Shape(parked, profile(lookup=LookupKind.NONE)),
    "refused": Shape(refused),
    "expired": Shape(expired),
    "look_again_in_a_wait": Shape(look_again_in_a_wait),
    "first_news_asked_twice": Shape(first_news_asked_twice),
    "a_step_failed": Shape(a_step_failed),
    "recorded_by_the_workflow": Shape(recorded_by_the_workflow),
    UPKEEP: Shape(upkeep),
    "cancelled_at_the_partner": Shape(cancelled_at_the_partner, profile(cancels=True)),
    "cancelled_in_temporal": Shape(cancelled_in_temporal, profile(cancels=True)),
    "given_up_at_its_deadline": Shape(given_up_at_its_deadline, profile(cancels=True)),
    "found_executed": Shape(found_executed, profile(lookup=LookupKind.NONE)),
    "upkeep_comparing_attempts": Shape(upkeep),
    "continued_as_new": Shape(continued_as_new, suggests_new_run_after=40),
    "upkeep_proving_the_database": Shape(upkeep),
    "its_payment_was_gone_for_a_while": Shape(its_payment_was_gone_for_a_while),
    "consent_renewed_and_ended": Shape(
        consent_renewed_and_ended,
        consents_profile(ConsentInstruction.ANSWER, ConsentInstruction.RENEW),
        place=consent_home,
    ),
    "consent_abandoned": Shape(consent_abandoned, consents_profile(), place=consent_home),
    "feed_waits_for_the_erasure": Shape(
        feed_waits_for_the_erasure, consents_profile(), place=consent_home
    ),
}
