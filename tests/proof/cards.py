"""A small card processor of our own: holds, increments, captures, refunds, disputes, double entry.

It imports nothing of the product. It executes whatever it is asked, also more than it holds: what
protects the payer is on our side of it. The first segment of a path says how it treats a key that
it knows, in the words of partner profiles:

    POST orders                 hold an amount: key, reference, amount_minor, currency, at_once
    GET  orders?key=KEY         search
    GET  orders/ID              one payment, with all that happened to it
    POST orders/ID/cancel       release what is held
    POST orders/ID/captures     take some of it: key, amount_minor
    GET  orders/ID/captures?key=KEY
    POST orders/ID/increments   hold so much more, before any was captured: key, amount_minor
    GET  orders/ID/increments?key=KEY
    POST orders/ID/refunds      give some of it back: key, amount_minor
    GET  orders/ID/refunds?key=KEY
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from tests.proof.bank import Answer

PAYER: Final = "payer"
HELD: Final = "payer:held"
OURS: Final = "customer:main"
#: So long after it was made a hold ends: what was not captured is released.
HOLD_SECONDS: Final = 300.0
#: So long a refund is pending.
REFUND_SECONDS: Final = 5.0
#: So long a payer has to confirm, where that is asked. The processor itself waits on.
CONFIRM_SECONDS: Final = 60.0

#: From which account to which each booking goes.
_ENTRIES: Final = {
    "authorisation": (PAYER, HELD),
    "release": (HELD, PAYER),
    "capture": (HELD, OURS),
    "refund": (OURS, PAYER),
    "refund_failed": (PAYER, OURS),
    "dispute": (OURS, PAYER),
    "reinstatement": (PAYER, OURS),
}


@dataclass
class Child:
    """An increment, a capture, a refund or a dispute of a payment."""

    id: str
    kind: str
    key: str
    amount_minor: int
    status: str
    at: float
    deadline: float | None = None


@dataclass
class Booking:
    """One entry: from one account to another."""

    id: str
    kind: str
    amount_minor: int
    reference: str


@dataclass
class Held:
    """One payment."""

    id: str
    key: str
    reference: str
    amount_minor: int
    currency: str
    status: str
    at: float
    children: list[Child] = field(default_factory=list)
    bookings: list[Booking] = field(default_factory=list)

    def of(self, kind: str) -> list[Child]:
        return [child for child in self.children if child.kind == kind]

    def booked(self, *kinds: str) -> int:
        return sum(b.amount_minor for b in self.bookings if b.kind in kinds)


class Cards:
    """One book for all behaviours."""

    def __init__(
        self,
        now: Callable[[], float],
        asks_payer: Callable[[str], bool] = lambda reference: False,
        fails: Callable[[str, int], bool] = lambda reference, amount: False,
        declines: Callable[[str, int], bool] = lambda reference, amount: False,
    ) -> None:
        self._now = now
        self._asks_payer = asks_payer
        self._fails = fails
        """Whether a refund of a payment fails, some time after it was done."""
        self._declines = declines
        """Whether the payer's bank declines an increment of a payment."""
        self.payments: list[Held] = []
        self.postings: list[dict[str, Any]] = []

    def answer(self, method: str, path: str, body: dict[str, Any]) -> Answer:
        self._progress()
        url = urlsplit(path)
        treats, *rest = url.path.strip("/").split("/")
        key = parse_qs(url.query).get("key", [""])[0]
        match (method, *rest):
            case ("POST", "orders"):
                known = [p for p in self.payments if p.key == body["key"]]
                return self._once(treats, known, lambda: self._hold(body))
            case ("GET", "orders"):
                found = [p for p in self.payments if p.key == key]
                return Answer(200, {"found": [asdict(p) for p in found[:1]]})
            case (_, "orders", payment_id, *more):
                payment = next((p for p in self.payments if p.id == payment_id), None)
                if payment is None:
                    return Answer(404, {"error": "no such payment"})
                return self._of(method, treats, payment, more, key, body)
            case _:
                return Answer(404, {"error": "this processor has no such thing"})

    def _of(
        self, method: str, treats: str, payment: Held, more: list[str], key: str,
        body: dict[str, Any],
    ) -> Answer:  # fmt: skip
        match (method, *more):
            case ("GET",):
                return Answer(200, asdict(payment))
            case ("POST", "cancel"):
                return self._cancel(payment)
            case ("POST", ("increments" | "captures" | "refunds") as what):
                kind = what.removesuffix("s")
                known = [c for c in payment.of(kind) if c.key == body["key"]]
                return self._once(treats, known, lambda: self._child(payment, kind, body))
            case ("GET", ("increments" | "captures" | "refunds") as what):
                found = [c for c in payment.of(what.removesuffix("s")) if c.key == key]
                return Answer(200, {"found": [asdict(c) for c in found[:1]]})
            case _:
                return Answer(404, {"error": "this processor has no such thing"})

    def _once(self, treats: str, known: list[Any], make: Callable[[], Answer]) -> Answer:
        if not known or treats == "none":
            return make()
        if treats == "replay_state":
            return Answer(200, asdict(known[0]))
        return Answer(409, {"error": "duplicate"})

    # What it does

    def _hold(self, asked: dict[str, Any]) -> Answer:
        payment = Held(
            f"pi_{len(self.payments) + 1}", asked["key"], asked["reference"],
            asked["amount_minor"], asked["currency"], "authorised", self._now(),
        )  # fmt: skip
        self.payments.append(payment)
        if self._asks_payer(payment.reference):
            payment.status = "requires_action"
        else:
            self._book(payment, "authorisation", payment.amount_minor, payment.id)
        if asked["at_once"]:
            payment.status = "captured"
            self._book(payment, "capture", payment.amount_minor, payment.id)
        return Answer(200, asdict(payment))

    def confirm(self, reference: str) -> bool:
        """The payer confirms."""
        waiting = [p for p in self.payments
                   if p.reference == reference and p.status == "requires_action"]  # fmt: skip
        for payment in waiting:
            payment.status, payment.at = "authorised", self._now()
            self._book(payment, "authorisation", payment.amount_minor, payment.id)
        return bool(waiting)

    def _cancel(self, payment: Held) -> Answer:
        if payment.status == "authorised":
            self._book(payment, "release", payment.amount_minor, payment.id)
        elif payment.status not in ("requires_action", "cancelled"):
            return Answer(400, {"error": "too late"})
        payment.status = "cancelled"
        return Answer(200, asdict(payment))

    def _child(self, payment: Held, kind: str, asked: dict[str, Any]) -> Answer:
        open_to = {"increment": ("authorised",),
                   "capture": ("authorised", "partly_captured"),
                   "refund": ("partly_captured", "captured")}[kind]  # fmt: skip
        if payment.status not in open_to:
            return Answer(400, {"error": f"no {kind} of what is {payment.status}"})
        amount_minor = asked["amount_minor"]
        if kind == "increment" and self._declines(payment.reference, amount_minor):
            return Answer(400, {"error": "the payer's bank declines"})
        status = "pending" if kind == "refund" else "done"
        child = self._add(payment, kind, asked["key"], amount_minor, status)
        if kind == "increment":
            payment.amount_minor += amount_minor
            self._book(payment, "authorisation", amount_minor, child.id)
            return Answer(200, asdict(child))
        self._book(payment, kind, amount_minor, child.id)
        if kind == "capture":
            whole = payment.booked("capture") >= payment.amount_minor
            payment.status = "captured" if whole else "partly_captured"
        return Answer(200, asdict(child))

    def dispute(self, reference: str, amount_minor: int, deadline: float) -> Child | None:
        """The payer's bank takes the money back, as long as so much of it is with us."""
        for payment in self.payments:
            with_us = payment.booked("capture", "refund_failed", "reinstatement")
            with_us -= payment.booked("refund", "dispute")
            if payment.reference == reference and with_us >= amount_minor:
                child = self._add(payment, "dispute", "", amount_minor, "needs_evidence", deadline)
                self._book(payment, "dispute", amount_minor, child.id)
                return child
        return None

    def decide(self, dispute: Child, status: str) -> None:
        """It is under review, won, lost, or its money was given back."""
        dispute.status = status
        if status == "reinstated":
            payment = next(p for p in self.payments if dispute in p.children)
            self._book(payment, "reinstatement", dispute.amount_minor, dispute.id)

    def _progress(self) -> None:
        """What time alone brings."""
        for payment in self.payments:
            for refund in payment.of("refund"):
                age = self._now() - refund.at
                if refund.status == "pending" and age >= REFUND_SECONDS:
                    refund.status = "done"
                fails = self._fails(payment.reference, refund.amount_minor)
                if refund.status == "done" and fails and age >= 4 * REFUND_SECONDS:
                    refund.status = "failed"
                    self._book(payment, "refund_failed", refund.amount_minor, refund.id)
            if self._now() - payment.at >= HOLD_SECONDS:
                rest = payment.amount_minor - payment.booked("capture", "release")
                if payment.status in ("authorised", "partly_captured"):
                    if rest > 0:
                        self._book(payment, "release", rest, payment.id)
                    is_taken = payment.status == "partly_captured"
                    payment.status = "captured" if is_taken else "cancelled"

    def _add(
        self, payment: Held, kind: str, key: str, amount_minor: int, status: str,
        deadline: float | None = None,
    ) -> Child:  # fmt: skip
        name = f"{kind[:2]}_{payment.id}_{len(payment.children) + 1}"
        child = Child(name, kind, key, amount_minor, status, self._now(), deadline)
        payment.children.append(child)
        return child

    def _book(self, payment: Held, kind: str, amount_minor: int, reference: str) -> None:
        number = f"bo_{payment.id}_{len(payment.bookings) + 1}"
        payment.bookings.append(Booking(number, kind, amount_minor, reference))
        source, target = _ENTRIES[kind]
        for account, minor in ((source, -amount_minor), (target, amount_minor)):
            self.postings.append({"entry": number, "account": account, "amount_minor": minor})

    # What only its own people may ask

    def book(self) -> dict[str, Any]:
        """Everything."""
        self._progress()
        payments = [asdict(payment) for payment in self.payments]
        return {"payments": payments, "postings": list(self.postings)}

    def made(self, name: str) -> list[tuple[str, str, float]]:
        """It lists nothing by itself."""
        return []
