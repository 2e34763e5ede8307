"""Stripe as a list of answers, and orders to collect and to pay out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl

import httpx

from domain.accounts import Account
from domain.lifecycle.answers import Deadline, Prepared, Submitted, WireRequest
from domain.lifecycle.kinds import kind_of
from domain.lifecycle.profile import InstructionKind
from domain.money import Money
from domain.party import Party
from domain.payments.answers import Subject
from domain.payments.order import Captured, Collection, Direction, Order, Rail, Times
from partners.kit.workplace import Workplace
from partners.stripe.account import StripeAccount
from partners.stripe.client import StripePartner
from tests.partners.currencycloud.scripted import FakeLoginBook, FakePreparedBook
from transport.http import Transport

NOW: Final = datetime(2026, 11, 23, 10, tzinfo=UTC)
SECONDS: Final = int(NOW.timestamp())
DEADLINE: Final = Deadline(NOW + timedelta(seconds=10), NOW + timedelta(seconds=90))
KEY: Final = "K3YQFTHEF2RSTGENERAT9N2345678ABC"
INTENT_ID: Final = "pi_1"
PAYOUT_ID: Final = "po_1"
SECRET: Final = "whsec_" + "5" * 32
ACCOUNT: Final = StripeAccount.model_validate(
    {
        "base_url": "https://stripe.test",
        "account_id": "acct_1",
        "api_key": "sk_test_1",
        "webhooks": {"secrets": [SECRET]},
        "payout_accounts": {"ba_1": "FR76 3000 6000 0112 3456 7890 189"},
    }
)
ORDER: Final = Order(
    tenant="acme",
    partner="stripe",
    partner_account="main",
    rail=Rail.CARD,
    direction=Direction.INCOMING,
    instructed_amount=Money(minor=12_50, currency="EUR"),
    debtor=Party(name="Paula Payer"),
    debtor_account=Account(other="cus_1"),
    creditor=Party(name="Acme"),
    creditor_account=Account(other="acct_1"),
    times=Times(submit_before=NOW + timedelta(minutes=15)),
    collection=Collection(payment_method="pm_1"),
)
HELD: Final = ORDER.model_copy(
    update={"collection": Collection(payment_method="pm_1", captured=Captured.LATER)}
)
PAYOUT: Final = ORDER.model_copy(
    update={
        "rail": Rail.SEPA_CREDIT_TRANSFER,
        "direction": Direction.OUTGOING,
        "creditor_account": Account(iban="FR7630006000011234567890189"),
        "collection": None,
    }
)
#: Before anything was made, prepared, and once Stripe has it.
NEW: Final = Subject("pay_1/pay/1", ORDER, (KEY,))
ASKED: Final = replace(NEW, prepared={"payment_intent": INTENT_ID})
TAKEN: Final = replace(ASKED, partner_reference=INTENT_ID)
NEW_PAYOUT: Final = Subject("pay_1/pay/1", PAYOUT, (KEY,))
TAKEN_PAYOUT: Final = replace(
    NEW_PAYOUT,
    prepared={"destination": "ba_1", "since": NOW.isoformat()},
    partner_reference=PAYOUT_ID,
)

Answer = tuple[int, Any] | tuple[int, Any, Mapping[str, str]] | Exception


def of_kind(kind: InstructionKind, subject: Subject = TAKEN, minor: int = 500) -> Subject:
    """An instruction that follows a PAY."""
    amount = Money(minor=minor, currency="EUR")
    claims = kind_of(kind).claims and kind is not InstructionKind.CONFIRM
    return replace(
        subject,
        instruction_id=f"pay_1/{kind}/1",
        kind=kind,
        prepared={},
        amount=amount if claims else None,
    )


class StillClock:
    """Stands still."""

    def now(self) -> datetime:
        return NOW


@dataclass(frozen=True)
class Sent:
    """A request as Stripe would see it."""

    route: str
    query: dict[str, str]
    form: dict[str, str]
    headers: Mapping[str, str]


@dataclass
class Scripted:
    """Answers by "METHOD /path": the next of a list, the last one again and again."""

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)

    def on(self, route: str, *answers: Answer) -> Scripted:
        self.answers[route] = list(answers)
        return self

    def handle(self, request: httpx.Request) -> httpx.Response:
        route = f"{request.method} {request.url.path}"
        fields = dict(parse_qsl(request.content.decode(), keep_blank_values=True))
        self.sent.append(Sent(route, dict(request.url.params), fields, request.headers))
        answers = self.answers[route]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        status, content, *headers = answer
        text = content if isinstance(content, str) else json.dumps(content)
        return httpx.Response(status, text=text, headers=dict(headers[0]) if headers else None)

    @property
    def routes(self) -> list[str]:
        return [sent.route for sent in self.sent]


def partner(script: Scripted, account: StripeAccount = ACCOUNT) -> StripePartner:
    """The adapter, talking to the script."""
    clock = StillClock()
    transport = partial(Transport, clock=clock, instead=httpx.MockTransport(script.handle))
    workplace = Workplace(clock, FakeLoginBook(held=None), FakePreparedBook(), transport)
    return StripePartner(account, workplace)


async def request(subject: Subject, script: Scripted | None = None) -> WireRequest:
    """The request of an instruction whose preparation succeeds."""
    prepared = await partner(script or Scripted()).prepare(subject)
    assert isinstance(prepared, Prepared), prepared
    return prepared.request


async def submitted(subject: Subject, *answers: Answer) -> Submitted:
    """What the answer to a send leads to."""
    held = intent(charge(amount_captured=0), status="requires_capture")
    script = Scripted().on(f"GET /v1/payment_intents/{INTENT_ID}", (200, held))
    wire_request = await request(subject, script)
    script.on(f"{wire_request.method} {wire_request.path}", *answers)
    asked = replace(subject, prepared=wire_request.prepared)
    return await partner(script).submit(asked, wire_request, DEADLINE)


def intent(
    latest_charge: Any = None, *, status: str = "succeeded", **changes: Any
) -> dict[str, Any]:
    """A PaymentIntent as they show it."""
    taken = 12_50 if status == "succeeded" else 0
    return {
        "id": INTENT_ID,
        "object": "payment_intent",
        "amount": 12_50,
        "amount_capturable": 0,
        "amount_received": taken,
        "cancellation_reason": None,
        "created": SECONDS,
        "currency": "eur",
        "last_payment_error": None,
        "latest_charge": latest_charge,
        "livemode": False,
        "metadata": {"finality_key": KEY},
        "next_action": None,
        "status": status,
        **changes,
    }


def charge(**changes: Any) -> dict[str, Any]:
    return {
        "id": "ch_1",
        "object": "charge",
        "amount": 12_50,
        "amount_captured": 12_50,
        "created": SECONDS,
        "currency": "eur",
        "status": "succeeded",
        "payment_method_details": {
            "card": {
                "multicapture": {"status": "unavailable"},
                "incremental_authorization": {"status": "available"},
            }
        },
        **changes,
    }


def booking(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"txn_{number}",
        "object": "balance_transaction",
        "amount": 12_50,
        "created": SECONDS,
        "currency": "eur",
        "fee": 0,
        "source": "ch_1",
        "type": "charge",
        **changes,
    }


def refund(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"re_{number}",
        "object": "refund",
        "amount": 500,
        "balance_transaction": f"txn_re_{number}",
        "created": SECONDS,
        "currency": "eur",
        "metadata": {"finality_key": KEY},
        "payment_intent": INTENT_ID,
        "status": "succeeded",
        **changes,
    }


def dispute(**changes: Any) -> dict[str, Any]:
    return {
        "id": "du_1",
        "object": "dispute",
        "amount": 12_50,
        "balance_transactions": [],
        "created": SECONDS,
        "currency": "eur",
        "evidence_details": {"due_by": SECONDS + 86_400},
        "payment_intent": INTENT_ID,
        "reason": "fraudulent",
        "status": "needs_response",
        **changes,
    }


def warning(**changes: Any) -> dict[str, Any]:
    return {
        "id": "issfr_1",
        "actionable": True,
        "created": SECONDS,
        "fraud_type": "made_with_stolen_card",
        "payment_intent": INTENT_ID,
        **changes,
    }


def payout(**changes: Any) -> dict[str, Any]:
    return {
        "id": PAYOUT_ID,
        "object": "payout",
        "amount": 12_50,
        "automatic": False,
        "created": SECONDS,
        "currency": "eur",
        "destination": "ba_1",
        "failure_code": None,
        "failure_message": None,
        "metadata": {"finality_key": KEY},
        "status": "pending",
        **changes,
    }


def page(*items: Any, has_more: bool = False) -> Answer:
    return 200, {"object": "list", "data": list(items), "has_more": has_more}


def error(
    status: int = 400, *, kind: str = "invalid_request_error", **fields: Any
) -> tuple[int, dict[str, Any]]:
    return status, {"error": {"type": kind, "message": "It cannot be done.", **fields}}


def shown(
    whole: dict[str, Any],
    *,
    bookings: tuple[Any, ...] = (),
    refunds: tuple[Any, ...] = (),
    disputes: tuple[Any, ...] = (),
    warnings: tuple[Any, ...] = (),
) -> Scripted:
    """An intent, and all that hangs on it."""
    return (
        Scripted()
        .on(f"GET /v1/payment_intents/{INTENT_ID}", (200, whole))
        .on("GET /v1/balance_transactions", page(*bookings))
        .on("GET /v1/refunds", page(*refunds))
        .on("GET /v1/disputes", page(*disputes))
        .on("GET /v1/radar/early_fraud_warnings", page(*warnings))
    )
