"""Stories of collections that are killed at every point, at the simulated card processor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.error import HTTPError

from domain.accounts import Account
from domain.lifecycle.profile import InstructionKind
from domain.money import Money
from domain.party import Party
from domain.payments.order import Captured, Collection, Direction, Order, Rail, Times
from domain.payments.payment import Amounts
from domain.payments.report import PaymentState
from starter.journal import Journal
from store.claims import CannotClaim
from store.records import PaymentRecord
from tests.proof.accounts import PROCESSOR, SECRET, SHOP
from tests.proof.arena import Arena, Standing
from tests.proof.processor import signed
from tests.proof.scenarios import Deed, Run, Scenario, cancel, in_state

CAPTURE, REFUND = InstructionKind.CAPTURE, InstructionKind.REFUND
INCREMENT = InstructionKind.INCREMENT
AUTHORISED, CAPTURED = PaymentState.AUTHORISED, PaymentState.CAPTURED
#: What a story captures, refunds and disputes, in cents; no two of one payment are equal.
PART, MORE, LESS, DISPUTED = 60_00, 15_00, 10_00, 30_00
_CURRENCY: Final = "EUR"
_CONFIRM: Final = "POST /v1/payment_intents/*/confirm"
_CAPTURE: Final = "POST /v1/payment_intents/*/capture"
_INCREMENT: Final = "POST /v1/payment_intents/*/increment_authorization"
_REFUND: Final = "POST /v1/refunds"
_NOT_NOW: Final = 409


@dataclass(frozen=True)
class CollectionScenario(Scenario):
    """A collection, and what payer, app, processor and the payer's bank do with it.

    Attributes:
        token: the processor's test token of a card, or of a bank account that pays by debit.
        is_payer_away: nobody is there to confirm when it is collected.
        lost: routes of which the first reply about this payment never comes.
        is_taken: in the end all of it is captured.
        raised: by so much the hold is raised before.
        refunded: so much is given back in the end.
        disputed: so much the payer's bank keeps in the end.
        reversals: the states in which refunds and disputes end, sorted.
    """

    partner: str = PROCESSOR
    account: str = SHOP
    token: str = "pm_card_visa"
    rail: Rail = Rail.CARD
    captured: Captured = Captured.AT_ONCE
    return_url: str | None = None
    is_payer_away: bool = False
    lost: tuple[str, ...] = ()
    is_taken: bool = True
    raised: int = 0
    refunded: int = 0
    disputed: int = 0
    reversals: tuple[str, ...] = ()

    @property
    def collects(self) -> bool:
        return True

    def journal(self, arena: Arena) -> Journal:
        return arena.claims_journal

    async def ordered(self, arena: Arena, reference: str, number: int) -> Order:
        for route in self.lost:
            await arena.processor.loses_a_reply(route, {"description": reference})
        order = self.order(reference, number)
        if self.rail is not Rail.SEPA_DIRECT_DEBIT:
            return order
        saved = await arena.processor.saved_debit(self.token)
        collection = Collection.model_validate(saved)
        return order.model_copy(update={"collection": collection})

    def order(self, reference: str, number: int) -> Order:
        """Each of an amount of its own; the processor shows the reference as its description."""
        ours = f"{self.partner}/{self.account}"
        return Order(
            tenant="default",
            partner=self.partner,
            partner_account=self.account,
            rail=self.rail,
            direction=Direction.INCOMING,
            collection=Collection(
                payment_method=self.token,
                captured=self.captured,
                off_session=self.is_payer_away,
                return_url=self.return_url,
            ),
            instructed_amount=Money(minor=100_00 + number, currency=_CURRENCY),
            debtor=Party(name="Paula Payer"),
            debtor_account=Account(other=self.token),
            creditor=Party(name=ours),
            creditor_account=Account(other=ours),
            end_to_end_id=reference,
            remittance_information=reference,
            times=Times(submit_before=datetime.now(UTC) + timedelta(minutes=10)),
        )

    def verdict(self, standing: Standing) -> str:
        """Its end is right only if all that the story asked for was done, and nothing more."""
        verdict = super().verdict(standing)
        if verdict != "ended":
            return verdict
        folded = standing.folded
        minor = {name: each["minor"] for name, each in folded["amounts"].items()}
        wanted = {
            "captured": minor["instructed"] + self.raised if self.is_taken else 0,
            "refunded": self.refunded,
            "disputed": self.disputed,
        }
        reversals = tuple(sorted(each["state"] for each in folded["reversals"]))
        is_done = wanted.items() <= minor.items() and reversals == self.reversals
        return "ended" if is_done and not folded["is_followed"] else "stuck"


# When


def _is_taken(record: PaymentRecord) -> bool:
    """All of it is captured and booked."""
    amounts = record.payment.amounts
    return amounts.captured == amounts.instructed


def _is_half_taken(record: PaymentRecord) -> bool:
    return record.payment.amounts.captured.minor == PART


def _is_raised(record: PaymentRecord) -> bool:
    """More is held than was ordered."""
    amounts = record.payment.amounts
    return amounts.authorised.minor > amounts.instructed.minor


def _is_disputed(record: PaymentRecord) -> bool:
    return any(each.state == "needs_evidence" for each in record.payment.reversals)


def _is_refunded(record: PaymentRecord) -> bool:
    return any(each.state in ("done", "failed") for each in record.payment.reversals)


def _refund_was_refused(record: PaymentRecord) -> bool:
    return _is_disputed(record) and _is_refunded(record)


# What


def _rest(amounts: Amounts) -> int:
    """All that is left after the first part."""
    return amounts.instructed.minor - PART


def _all_held(amounts: Amounts) -> int:
    return amounts.authorised.minor


def _claims(
    kind: InstructionKind, minor: int | Callable[[Amounts], int], *, loses_reply: bool = False
) -> Deed:
    """The app claims an amount, which may follow from what its payment shows."""
    key = f"{kind}-{minor if isinstance(minor, int) else minor.__name__}"

    async def claim(arena: Arena, run: Run) -> bool:
        client = arena.assembly.orchestrator
        payment = (await client.get(run.payment_id, tenant=None)).payment
        cents = minor if isinstance(minor, int) else minor(payment.amounts)
        amount = Money(minor=cents, currency=_CURRENCY)
        if loses_reply:
            match = {"payment_intent": _known(payment.partner_reference), "amount": amount.minor}
            await arena.processor.loses_a_reply(_REFUND, _as_text(match))
        asks = {
            CAPTURE: client.capture, INCREMENT: client.increment, REFUND: client.refund,
        }  # fmt: skip
        arena.claims_journal.claim(run.reference, kind, amount)
        try:
            # An app that does not trust its own notes asks again, under the same key.
            for _ in range(2):
                await asks[kind](run.payment_id, key, amount, tenant=None, by="shop")
        except CannotClaim:
            return False  # Not yet: the payment has to be read first.
        arena.claims_journal.admitted(run.reference, kind, amount)
        return True

    return claim


async def _comes_back(arena: Arena, run: Run) -> bool:
    """The app has the payer there now; it asks twice, as for a claim."""
    client = arena.assembly.orchestrator
    try:
        for _ in range(2):
            await client.confirm(run.payment_id, "back", tenant=None, by="shop")
    except CannotClaim:
        return False  # Not yet: the decline has to be read first.
    return True


async def _confirm(arena: Arena, run: Run) -> bool:
    """The payer follows the link that the app was given."""
    action = await arena.assembly.orchestrator.action(run.payment_id, tenant=None)
    if action is None or action.url is None:
        return False
    return await arena.processor.payer_confirms(action.url)


def _disputes(minor: int | None, *, is_announced: bool = True) -> Deed:
    """The payer's bank takes so much back; None: all of it."""

    async def dispute(arena: Arena, run: Run) -> bool:
        payment_intent = await _reference(arena, run)
        param = {} if minor is None else {"amount": minor}
        await arena.processor.happens(payment_intent, "dispute", **param)
        if not is_announced:
            return True
        return await _announced(arena, "charge.dispute.created", payment_intent)

    return dispute


def _decides(outcome: str) -> Deed:
    """The payer's bank has the last word."""

    async def decide(arena: Arena, run: Run) -> bool:
        payment_intent = await _reference(arena, run)
        for dispute in (await arena.processor.book())["disputes"]:
            if dispute["payment_intent"] == payment_intent:
                await _unless_over(arena, dispute["id"], outcome)
        return await _announced(arena, "charge.dispute.closed", payment_intent)

    return decide


async def _unless_over(arena: Arena, dispute_id: str, outcome: str) -> None:
    try:
        await arena.processor.happens(dispute_id, "decide_dispute", outcome=outcome)
    except HTTPError as refused:
        if refused.code != _NOT_NOW:
            raise


def _announces(kind: str) -> Deed:
    """The processor delivers an event, once there is one."""

    async def announce(arena: Arena, run: Run) -> bool:
        return await _announced(arena, kind, await _reference(arena, run))

    return announce


async def _announced(arena: Arena, kind: str, payment_intent: str) -> bool:
    body = await arena.processor.event(kind, payment_intent)
    if body is None:
        return False
    await arena.deliver(PROCESSOR, SHOP, signed(body, SECRET), body)
    return True


async def _reference(arena: Arena, run: Run) -> str:
    record = await arena.assembly.orchestrator.get(run.payment_id, tenant=None)
    return _known(record.payment.partner_reference)


def _known(reference: str | None) -> str:
    assert reference is not None, "the processor has it"
    return reference


def _as_text(match: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in match.items()}


COLLECTIONS: Final = (
    CollectionScenario("collected with a lost reply", lost=(_CONFIRM,)),
    CollectionScenario(
        "payer confirms",
        token="pm_card_threeDSecure2Required",
        return_url="https://shop.test/back",
        actions=((in_state(PaymentState.AWAITING_USER), _confirm),),
    ),
    CollectionScenario(
        "payer comes back",
        token="pm_card_authenticationRequired",
        return_url="https://shop.test/back",
        is_payer_away=True,
        actions=(
            (in_state(PaymentState.AWAITING_USER), _comes_back),
            (in_state(PaymentState.AWAITING_USER), _confirm),
        ),
    ),
    CollectionScenario(
        "captured in two parts",
        captured=Captured.LATER,
        lost=(_CAPTURE,),
        actions=(
            (in_state(AUTHORISED), _claims(CAPTURE, PART)),
            (_is_half_taken, _claims(CAPTURE, _rest)),
        ),
    ),
    CollectionScenario(
        "hold raised and taken whole",
        captured=Captured.LATER,
        lost=(_INCREMENT,),
        raised=MORE,
        actions=(
            (in_state(AUTHORISED), _claims(INCREMENT, MORE)),
            (_is_raised, _claims(CAPTURE, _all_held)),
        ),
    ),
    CollectionScenario(
        "hold cancelled",
        captured=Captured.LATER,
        actions=((in_state(AUTHORISED), cancel),),
        ends=frozenset({PaymentState.CANCELLED}),
        is_taken=False,
    ),
    CollectionScenario(
        "refunded in two parts",
        actions=(
            (_is_taken, _claims(REFUND, MORE, loses_reply=True)),
            (_is_taken, _claims(REFUND, LESS)),
        ),
        refunded=MORE + LESS,
        reversals=("done", "done"),
    ),
    CollectionScenario(
        "refund fails after it was done",
        token="pm_card_refundFail",
        actions=(
            (_is_taken, _claims(REFUND, MORE)),
            (_is_refunded, _announces("refund.failed")),
        ),
        reversals=("failed",),
    ),
    CollectionScenario(
        "dispute lost",
        actions=((_is_taken, _disputes(DISPUTED)), (_is_disputed, _decides("lost"))),
        disputed=DISPUTED,
        reversals=("lost",),
    ),
    # The app asks for a refund before anybody of ours has heard of the dispute.
    CollectionScenario(
        "refund refused for a dispute",
        actions=(
            (_is_taken, _disputes(DISPUTED, is_announced=False)),
            (_is_taken, _claims(REFUND, MORE)),
            (_is_refunded, _announces("charge.dispute.created")),
            (_refund_was_refused, _decides("won")),
        ),
        reversals=("failed", "reinstated"),
    ),
    CollectionScenario(
        "debit declined days later",
        token="pm_failed_de",
        rail=Rail.SEPA_DIRECT_DEBIT,
        ends=frozenset({PaymentState.REJECTED}),
        is_taken=False,
    ),
)
