"""The checker of collections names each flaw of a processor's book, and none of a good one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from simulators.kit.partner import Call
from simulators.stripe.partner import SIMULATOR_API_KEY, Partner
from tests.conftest import ROOT
from tests.proof.collection_checker import Asked, Comparison, compare, main, report

HELD = Asked("HELD", 100_00, "EUR", captures=[60_00])
REFUNDED = Asked("REFUNDED", 80_00, "EUR", captures=[80_00], refunds=[30_00, 12_50])
DISPUTED = Asked("DISPUTED", 64_00, "EUR", captures=[64_00], disputes=[64_00])
DECLINED = Asked("DECLINED", 18_00, "EUR")
_DECLINES = "pm_card_chargeDeclined"


class Shop:
    """Four orders at the real simulator, and what our store shows of them."""

    def __init__(self, file: Path) -> None:
        self._partner = Partner(file)
        self._partner.furnish()
        self.asked = {one.order: one for one in (HELD, REFUNDED, DISPUTED, DECLINED)}
        held = self.sell(HELD, capture_method="manual", **_SEVERAL)
        self.capture(held, 60_00)
        refunded = self.sell(REFUNDED)
        self.refund(refunded, 30_00)
        self.refund(refunded, 12_50)
        disputed = self.sell(DISPUTED)
        self.happen(disputed, "dispute")
        [dispute] = self.book()["disputes"]
        self.happen(dispute["id"], "decide_dispute", outcome="lost")
        declined = self.sell(DECLINED, payment_method=_DECLINES)
        self.shown = {
            "HELD": _row("HELD", held, captured=60_00, state="partly_captured"),
            "REFUNDED": _row("REFUNDED", refunded, captured=80_00, refunded=42_50),
            "DISPUTED": _row("DISPUTED", disputed, captured=64_00, disputed=64_00),
            "DECLINED": _row("DECLINED", declined, state="rejected"),
        }

    def close(self) -> None:
        self._partner.book.close()

    def sell(self, one: Asked, **changed: str) -> str:
        """The PaymentIntent's id."""
        given = {
            "amount": str(one.amount_minor),
            "currency": one.currency.lower(),
            "capture_method": "automatic",
            "description": one.order,
            "payment_method": "pm_card_visa",
            "payment_method_types[]": "card",
            **changed,
        }
        made: str = self._ask("create_payment_intent", "/v1/payment_intents", given)["id"]
        confirm = f"/v1/payment_intents/{made}/confirm"
        self._ask("confirm_payment_intent", confirm, {}, about=made)
        return made

    def capture(self, payment: str, amount: int) -> None:
        form = {"amount_to_capture": str(amount), "final_capture": "false"}
        path = f"/v1/payment_intents/{payment}/capture"
        self._ask("capture_payment_intent", path, form, about=payment)

    def refund(self, payment: str, amount: int) -> str:
        form = {"payment_intent": payment, "amount": str(amount)}
        made: str = self._ask("create_refund", "/v1/refunds", form)["id"]
        return made

    def pay_out(self, amount: int) -> None:
        form = {"amount": str(amount), "currency": "eur"}
        self._ask("create_payout", "/v1/payouts", form)

    def happen(self, thing: str, what: str, **param: object) -> None:
        with self._partner.book.transaction():
            self._partner.apply(thing, what, param, None, self._partner.clock.now())

    def book(self) -> dict[str, Any]:
        """As plain JSON, which a test may change."""
        found: dict[str, Any] = json.loads(json.dumps(self._partner.book.contents()))
        return found

    def compared(self, book: dict[str, Any] | None = None) -> Comparison:
        return compare(self.asked.values(), book or self.book(), self.shown.values())

    def _ask(
        self, endpoint: str, path: str, form: dict[str, str], about: str = ""
    ) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {SIMULATOR_API_KEY}"}
        lists = {name: [value] for name, value in form.items()}
        call = Call(
            "POST", path, endpoint, form, lists, SIMULATOR_API_KEY, about, headers, "http://here"
        )
        reply = self._partner.answer(call).reply
        assert reply.status in (200, 402), (path, urlencode(form), reply.body)
        assert isinstance(reply.body, dict)
        return reply.body


_SEVERAL = {"payment_method_options[card][request_multicapture]": "if_available"}


def _row(
    order: str, payment: str, *, state: str = "captured", captured: int = 0, refunded: int = 0,
    disputed: int = 0,
) -> dict[str, Any]:  # fmt: skip
    return {
        "order": order, "partner_reference": payment, "state": state, "certainty": "sent",
        "captured_minor": captured, "refunded_minor": refunded, "disputed_minor": disputed,
    }  # fmt: skip


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path / "stripe.db")
    yield made
    made.close()


def has(comparison: Comparison, kind: str, *words: str) -> None:
    """Some flaw of that kind has those words."""
    assert any(
        flaw.startswith(f"{kind}: ") and all(word in flaw for word in words)
        for flaw in comparison.flaws
    ), report(comparison)


def test_good_books_agree(shop: Shop) -> None:
    comparison = shop.compared()
    assert comparison.agrees, report(comparison)
    assert (comparison.requested, comparison.twice, comparison.lost) == (4, 0, 0)
    assert comparison.booked == comparison.asked
    assert (comparison.booked.charged, comparison.booked.declined) == (3, 1)
    assert comparison.booked.captured == {"EUR": 204_00}
    assert (comparison.booked.refunds, comparison.booked.refunded) == (2, {"EUR": 42_50})
    assert comparison.booked.disputed == {"EUR": 64_00}


def test_a_payment_made_twice_is_named(shop: Shop) -> None:
    shop.sell(REFUNDED)
    comparison = shop.compared()
    has(comparison, "twice", "REFUNDED", "is 2 payments")
    has(comparison, "twice", "REFUNDED", "has 2 charges")
    has(comparison, "twice", "capture of 8000 of REFUNDED")
    has(comparison, "disagree", "8000 captured of REFUNDED", "16000")


def test_a_second_charge_of_one_payment_is_named(shop: Shop) -> None:
    book = shop.book()
    charge = next(each for each in book["charges"] if each["description"] == "DISPUTED")
    book["charges"].append({**charge, "id": "ch_second", "amount_captured": 0})
    comparison = shop.compared(book)
    assert comparison.flaws == [f"twice: {DISPUTED} has 2 charges"]
    assert comparison.twice == 1


def test_a_refund_made_twice_is_named(shop: Shop) -> None:
    shop.refund(shop.shown["REFUNDED"]["partner_reference"], 30_00)
    comparison = shop.compared()
    has(comparison, "twice", "refund of 3000 of REFUNDED")
    assert (comparison.twice, comparison.lost) == (1, 0)


def test_a_capture_made_twice_is_named(shop: Shop) -> None:
    shop.asked["HELD"] = replace(HELD, captures=[50_00])
    held = shop.sell(replace(HELD, order="HELD AGAIN"), capture_method="manual", **_SEVERAL)
    shop.asked["HELD AGAIN"] = replace(HELD, order="HELD AGAIN", captures=[50_00])
    shop.capture(held, 50_00)
    shop.capture(held, 50_00)
    comparison = shop.compared()
    has(comparison, "twice", "capture of 5000 of HELD AGAIN")
    has(comparison, "unordered", "capture of 6000 of HELD ")
    has(comparison, "lost", "capture of 5000 of HELD ")


def test_an_order_without_a_payment_is_lost(shop: Shop) -> None:
    shop.asked["GONE"] = Asked("GONE", 5_00, "EUR", captures=[5_00])
    comparison = shop.compared()
    has(comparison, "lost", "GONE", "never charged")
    has(comparison, "lost", "capture of 500 of GONE")
    has(comparison, "disagree", "GONE", "as 0 payments")


@pytest.mark.parametrize(
    ("order", "changed"),
    [
        ("HELD", {"captures": [60_00, 10_00]}),
        ("REFUNDED", {"refunds": [30_00, 12_50, 1_00]}),
        ("REFUNDED", {"disputes": [1_00]}),
    ],
)
def test_what_was_ordered_and_is_not_in_the_book_is_lost(
    shop: Shop, order: str, changed: dict[str, Any]
) -> None:
    shop.asked[order] = replace(shop.asked[order], **changed)
    comparison = shop.compared()
    has(comparison, "lost", f"of {order} ")
    assert (comparison.lost, comparison.twice, len(comparison.flaws)) == (1, 0, 1)


def test_a_refund_that_failed_later_is_lost(shop: Shop) -> None:
    refund = shop.refund(shop.shown["REFUNDED"]["partner_reference"], 7_00)
    shop.asked["REFUNDED"] = replace(REFUNDED, refunds=[30_00, 12_50, 7_00])
    shop.shown["REFUNDED"]["refunded_minor"] = 49_50
    assert shop.compared().agrees
    shop.happen(refund, "fail_refund")
    has(shop.compared(), "lost", "refund of 700 of REFUNDED")


def test_a_card_that_was_to_be_declined_and_is_charged_is_named(shop: Shop) -> None:
    shop.sell(DECLINED)
    has(shop.compared(), "unordered", "DECLINED", "was to be declined")


def test_a_card_that_was_to_be_charged_and_is_declined_is_lost(shop: Shop) -> None:
    wanted = Asked("WANTED", 9_00, "EUR", captures=[9_00])
    shop.asked["WANTED"] = wanted
    shop.sell(wanted, payment_method=_DECLINES)
    has(shop.compared(), "lost", "WANTED", "is declined")


@pytest.mark.parametrize("changed", [{"amount_minor": 101_00}, {"currency": "USD"}])
def test_another_amount_or_currency_than_ordered_is_named(
    shop: Shop, changed: dict[str, Any]
) -> None:
    shop.asked["HELD"] = replace(HELD, **changed)
    comparison = shop.compared()
    has(comparison, "changed", "HELD", "is a payment of 10000 EUR")
    has(comparison, "changed", "HELD", "has a charge of 10000 eur")


def test_a_dispute_that_is_still_open_is_named(shop: Shop) -> None:
    shop.happen(shop.shown["REFUNDED"]["partner_reference"], "dispute", amount=500)
    shop.asked["REFUNDED"] = replace(REFUNDED, disputes=[5_00])
    shop.shown["REFUNDED"]["disputed_minor"] = 5_00
    comparison = shop.compared()
    assert comparison.flaws == [
        f"changed: the dispute of {shop.asked['REFUNDED']} is needs_response, and not lost"
    ]


def test_whatever_belongs_to_no_order_is_named(shop: Shop) -> None:
    stranger = shop.sell(Asked("THEFT", 9_99, "EUR"))
    shop.refund(stranger, 1_00)
    shop.pay_out(2_00)
    comparison = shop.compared()
    for words in (
        ("payment", "of 999"), ("charge", "of 999"), ("refund", "of 100"), ("payout", "of 200"),
        ("booking of 999",), ("booking of -100",), ("booking of -200",),
    ):  # fmt: skip
        has(comparison, "unordered", *words)
    assert len(comparison.flaws) == 7, report(comparison)


def test_an_intent_that_was_never_confirmed_is_no_payment(shop: Shop) -> None:
    book = shop.book()
    book["payment_intents"].append({**book["payment_intents"][0], "id": "pi_draft"})
    assert shop.compared(book).agrees


def test_an_entry_that_does_not_add_up_is_named(shop: Shop) -> None:
    book = shop.book()
    next(each for each in book["postings"] if each["what"] == "refund")["amount_minor"] += 1
    has(shop.compared(book), "postings", "adds up to 1 EUR")


@pytest.mark.parametrize(("kind", "field"), [("charges", "amount_captured"), ("refunds", "amount")])
def test_an_object_that_its_bookings_do_not_explain_is_named(
    shop: Shop, kind: str, field: str
) -> None:
    book = shop.book()
    next(each for each in book[kind] if each.get("status") == "succeeded")[field] += 1
    has(shop.compared(book), "postings", f"a {kind[:-1]} of ", "has moved")


@pytest.mark.parametrize(
    ("order", "changed", "words"),
    [
        ("HELD", {"captured_minor": 100_00}, "shows 10000 captured of HELD"),
        ("REFUNDED", {"refunded_minor": 30_00}, "shows 3000 refunded of REFUNDED"),
        ("DISPUTED", {"disputed_minor": 0}, "shows 0 disputed of DISPUTED"),
        ("DISPUTED", {"state": "authorised"}, "as authorised; its money is taken"),
        ("DECLINED", {"state": "captured"}, "as captured; its money is not taken"),
        ("HELD", {"partner_reference": "pi_other"}, "names pi_other for HELD"),
        ("HELD", {"certainty": "unknown"}, "in doubt"),
        ("HELD", {"state": "awaiting_us"}, "in doubt"),
    ],
)
def test_a_store_that_says_something_else_than_the_book_lies(
    shop: Shop, order: str, changed: dict[str, Any], words: str
) -> None:
    shop.shown[order] |= changed
    comparison = shop.compared()
    has(comparison, "disagree", words)
    assert len(comparison.flaws) == 1
    assert comparison.in_doubt == (words == "in doubt")


def test_a_payment_of_our_store_that_nobody_ordered_is_named(shop: Shop) -> None:
    shop.shown["EXTRA"] = _row("EXTRA", "pi_extra")
    assert shop.compared().flaws == ["disagree: our store shows EXTRA, which nobody ordered"]


def test_it_runs_by_itself_and_says_so_in_its_exit_code(shop: Shop, tmp_path: Path) -> None:
    arguments = []
    for option, content in (
        ("--asked", [asdict(one) for one in shop.asked.values()]),
        ("--book", shop.book()),
        ("--store", [*shop.shown.values()]),
    ):
        (tmp_path / option).write_text(json.dumps(content))
        arguments += [option, str(tmp_path / option)]
    command = [sys.executable, "-m", "tests.proof.collection_checker", "--json", *arguments]
    good = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    said = json.loads(good.stdout)
    assert (said["requested"], said["booked"]["charged"], said["flaws"]) == (4, 3, [])
    doctored = shop.book()
    doctored["refunds"].pop()
    (tmp_path / "--book").write_text(json.dumps(doctored))
    assert main(arguments) == 1


def test_it_imports_nothing_of_the_product() -> None:
    module = "tests.proof.collection_checker"
    program = f"import sys, {module}; print(*{{m.partition('.')[0] for m in sys.modules}})"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    rooms = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()}
    rooms |= {path.stem for path in ROOT.glob("*.py")}
    assert set(run.stdout.split()) & rooms == {"tests"}
