"""A new partner of collections: money is pulled from the payer, and a return is a reversal."""

from __future__ import annotations

from terminal.partner.clock import keep_clock
from terminal.partner.draft import Draft


def collect(draft: Draft) -> None:
    """Replace the credit transfers by collections."""
    mapping, partner = "mapping.py", "simulator/partner.py"
    draft.change(
        "profile.py",
        "{Rail.SEPA_CREDIT_TRANSFER: timedelta(",
        "{Rail.CARD: timedelta(",
    )
    draft.change(
        "profile.py", "    shows_bookings=True,\n", "    collects=True,\n    shows_bookings=True,\n"
    )
    draft.change(
        mapping,
        """\
        "account": order.creditor_account.number,
        "name": order.creditor.name,
""",
        """\
        "payment_method": payment_method(order),
""",
    )
    draft.change(
        mapping,
        "def asked(order: Order)",
        '''\
def payment_method(order: Order) -> str:
    """Where the money is pulled from; empty if the order does not name it in a way we can use."""
    return (order.collection and order.collection.payment_method) or ""


def asked(order: Order)''',
    )
    draft.change(mapping, '"booked": PaymentState.SETTLED', '"booked": PaymentState.CAPTURED')
    draft.change(
        mapping,
        '    "returned": PaymentState.RETURNED,\n',
        "    # A return is a reversal beside the state: the money was collected.\n"
        '    "returned": PaymentState.CAPTURED,\n',
    )
    draft.change(
        mapping,
        "{MovementKind.DEBIT: order.debited_at, MovementKind.RETURN: order.returned_at}",
        "{MovementKind.CAPTURE: order.debited_at, MovementKind.DISPUTE: order.returned_at}",
    )
    draft.change(
        mapping,
        """\
        # Compared with the payment: a difference freezes it.
        observed=Observed(amount=order.amount, creditor_account_ends=order.account[-4:]),
""",
        """\
        # Compared with the payment: a difference freezes it.
        observed=Observed(amount=order.amount),
""",
    )
    draft.change(
        mapping,
        """\
            Movement(movement_id=f"{order.id}-{kind}", kind=kind, amount=order.amount)
            for kind in booked
            if booked[kind]
        ),
""",
        """\
            Movement(
                movement_id=f"{order.id}-{kind}",
                kind=kind,
                amount=order.amount,
                reference=f"{order.id}-{kind}",
            )
            for kind in booked
            if booked[kind]
        ),
        reversals=_reversals(order),
""",
    )
    draft.change(
        mapping,
        "def refused(subject: Subject",
        '''\
def _reversals(order: wire.Order) -> tuple[SeenReversal, ...]:
    """What the payer's bank took back. Its movement has the same reference."""
    if not order.returned_at:
        return ()
    return (
        SeenReversal(
            reference=f"{order.id}-{MovementKind.DISPUTE}",
            kind=ReversalKind.RETURN,
            state=ReversalState.DONE,
            amount=order.amount,
        ),
    )


def refused(subject: Subject''',
    )
    profile = "from domain.lifecycle.profile import InstructionKind\n"
    draft.change(
        mapping,
        profile,
        f"{profile}from domain.lifecycle.reversals import ReversalKind, ReversalState\n"
        "from domain.lifecycle.reversals import SeenReversal\n",
    )
    draft.change(
        "wire.py",
        'frozenset({"reference", "name"})',
        'frozenset({"reference", "payment_method"})',
    )
    draft.change("wire.py", "    account: str\n", "")
    keep_clock(draft)
    draft.change(
        "client.py",
        '        path, content = "/orders", json_object(mapping.asked(subject.order))\n',
        """\
        if not mapping.payment_method(subject.order):
            unfit = wire.Refusal(error="the order names no payment method")
            report = mapping.refused(subject, unfit, self._clock.now())
            return answers.Unprepared(unfit.error, refused=report)
        path, content = "/orders", json_object(mapping.asked(subject.order))
""",
    )
    draft.change(
        "README.md", "takes `reference`, `account`, `name`, `amount_minor`",
        "takes `reference`, `payment_method`, `amount_minor`",
    )  # fmt: skip
    draft.change("README.md", "`sent` (debited), `booked`", "`sent`, `booked` (debited)")
    _collecting_simulator(draft, partner)
    _collecting_tests(draft)


def _collecting_simulator(draft: Draft, partner: str) -> None:
    book = "simulator/book.py"
    draft.change(
        book,
        "#: Our customer's account, and where the money goes that leaves it.\n",
        "#: Our customer's account, and where the money comes from.\n",
    )
    draft.change(book, 'PAID_OUT = "world:paid_out"', 'PAYERS = "world:payers"')
    draft.change(
        book, "account TEXT NOT NULL, name TEXT NOT NULL,", "payment_method TEXT NOT NULL,"
    )
    draft.change(partner, '"account": str, "name": str,', '"payment_method": str,')
    draft.change(
        partner,
        "received -> sent (debited) -> booked. An",
        "received -> sent -> booked (debited). An",
    )
    draft.change(
        partner,
        "import CUSTOMER, FUNDING, PAID_OUT, Book",
        "import CUSTOMER, FUNDING, PAYERS, Book",
    )
    draft.cut(partner, "        balance = self.book.balance(", "        order_id = new_id()\n")
    draft.change(
        partner, "moved, lines = {}, (CUSTOMER, PAID_OUT)", "moved, lines = {}, (PAYERS, CUSTOMER)"
    )
    draft.change(
        partner,
        """\
                moved["debited_at"] = stamp(at)
                self._after(order["id"], "book", at)
""",
        """\
                self._after(order["id"], "book", at)
            case "booked":
                moved["debited_at"] = stamp(at)
""",
    )
    draft.change(partner, "stamp(at), (PAID_OUT, CUSTOMER)", "stamp(at), (CUSTOMER, PAYERS)")


def _collecting_tests(draft: Draft) -> None:
    file = "tests/test_mapping.py"
    draft.change(
        file,
        "from tests.partners.currencycloud.scripted import ORDER\n",
        "from tests.partners.harbour.words import collected\n",
    )
    draft.change(file, "SUBJECT: Final =", 'ORDER: Final = collected("")\nSUBJECT: Final =')
    draft.change(file, "is PaymentState.RETURNED\n", "is PaymentState.CAPTURED\n")
    draft.change(
        file,
        "{MovementKind.DEBIT, MovementKind.RETURN}",
        "{MovementKind.CAPTURE, MovementKind.DISPUTE}",
    )
    draft.change(
        file,
        "def test_the_creditor_that_the_bank_shows_is_compared_with_ours() -> None:\n"
        '    report = mapping.report(SUBJECT, shown(account="DE00999"), Source.READ, NOW)\n'
        '    assert report.observed.creditor_account_ends == "0999"\n',
        "def test_a_return_is_a_reversal_with_the_reference_of_its_movement() -> None:\n"
        '    order = shown(status="returned", debited_at="2026-11-23", returned_at="2026-11-24")\n'
        "    report = mapping.report(SUBJECT, order, Source.READ, NOW)\n"
        "    (reversal,) = report.reversals\n"
        "    assert reversal.reference in {each.reference for each in report.movements}\n",
    )
    words = "tests/words.py"
    draft.change(
        words,
        "WORDS: Final = (",
        '''\
def collected(address: str) -> Order:
    """A thousand euro from a payer's card."""
    return ORDER.model_copy(
        update={
            "rail": Rail.CARD,
            "direction": Direction.INCOMING,
            "collection": Collection(payment_method="pm-1"),
        }
    )


WORDS: Final = (''',
    )
    suite = "from tests.partners.conformance.words import Words\n"
    draft.change(
        words,
        suite,
        "from domain.payments.order import Collection, Direction, Order, Rail\n"
        f"{suite}from tests.partners.currencycloud.scripted import ORDER\n",
    )
    end = "    ),\n)\n"
    draft.change(words, end, f"        order=collected,\n{end}")
