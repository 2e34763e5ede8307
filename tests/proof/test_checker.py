"""The checker names each flaw in doctored books, and none in good ones."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.proof.checker import Comparison, compare, main, report

US = "account-of-ours"


class Books:
    """A small honest world: four orders, two of them equal salaries, all settled."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.book: dict[str, Any] = {
            "beneficiaries": [],
            "payments": [],
            "postings": [],
            "balances": [{"account_id": US, "currency": "EUR", "amount_minor": 0}],
        }
        self.store: list[dict[str, Any]] = []
        self._post("funding", None, [("world:funding", -10_000_00), (US, 10_000_00)])
        self.give("invoice", "DE1", "Ada", 100_00, "INV 1")
        self.give("rent", "DE2", "Bo", 200_00, "RENT")
        self.give("salary 1", "DE3", "Cy", 300_00, "SALARY")
        self.give("salary 2", "DE3", "Cy", 300_00, "SALARY")

    def give(self, key: str, iban: str, name: str, amount: int, reference: str) -> None:
        order = {"creditor_account": iban, "creditor": name, "amount_minor": amount,
                 "currency": "EUR", "end_to_end_id": reference}  # fmt: skip
        self.lines.append(json.dumps({"intended": key, **order}) + "\n")
        self.lines.append(json.dumps({"acknowledged": key, "payment_id": f"pay {key}"}) + "\n")
        self.pay(f"cc {key}", iban, name, amount, reference)
        self.store.append(
            {"payment_id": f"pay {key}", "end_to_end_id": reference, "state": "settled",
             "certainty": "sent", "amount_minor": amount, "currency": "EUR",
             "partner_reference": f"cc {key}", "reason": None}
        )  # fmt: skip

    def pay(self, payment_id: str, iban: str, name: str, amount: int, reference: str) -> None:
        creditor = {"id": f"creditor of {payment_id}", "iban": iban,
                    "bank_account_holder_name": name}  # fmt: skip
        self.book["beneficiaries"].append(creditor)
        self.book["payments"].append(
            {"id": payment_id, "account_id": US, "beneficiary_id": creditor["id"],
             "amount_minor": amount, "currency": "EUR", "reference": reference,
             "status": "completed", "returned_minor": 0}
        )  # fmt: skip
        self.debit(payment_id, amount)

    def debit(self, payment_id: str, amount: int) -> None:
        self._post("release", payment_id, [(US, -amount), ("clearing:outgoing", amount)])
        self._post("complete", payment_id, [("clearing:outgoing", -amount), ("world", amount)])

    def fail(self, key: str, back: int) -> None:
        payment = self.booking(key)
        amount = payment["amount_minor"]
        payment |= {"status": "failed", "returned_minor": back}
        lines = [("world", -amount), (US, back), ("income:return_fees", amount - back)]
        self._post("payment_failure", payment["id"], lines)

    def unbook(self, key: str) -> None:
        """As if it had never reached the partner."""
        for name in ("payments", "postings"):
            field = "id" if name == "payments" else "payment_id"
            gone = [row for row in self.book[name] if row[field] == f"cc {key}"]
            for row in gone:
                self.book[name].remove(row)
                if row.get("account") == US:
                    self.book["balances"][0]["amount_minor"] -= row["amount_minor"]

    def booking(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = next(p for p in self.book["payments"] if p["id"] == f"cc {key}")
        return found

    def creditor(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = next(
            b for b in self.book["beneficiaries"] if b["id"] == f"creditor of cc {key}"
        )
        return found

    def row(self, key: str) -> dict[str, Any]:
        return next(row for row in self.store if row["payment_id"] == f"pay {key}")

    def say(self, key: str, state: str, certainty: str = "sent") -> None:
        self.row(key).update(state=state, certainty=certainty)

    def compared(self) -> Comparison:
        return compare(self.lines, self.book, self.store)

    def _post(self, what: str, payment_id: str | None, lines: list[tuple[str, int]]) -> None:
        entry = f"{what} {payment_id} {len(self.book['postings'])}"
        for account, amount in lines:
            self.book["postings"].append(
                {"entry": entry, "payment_id": payment_id, "account": account,
                 "currency": "EUR", "amount_minor": amount}
            )  # fmt: skip
            if account == US:
                self.book["balances"][0]["amount_minor"] += amount


@pytest.fixture
def books() -> Books:
    return Books()


def only_flaw(books: Books, kind: str, *words: str, times: int = 1) -> Comparison:
    """The comparison, which has that one flaw, with those words in its line, and no other."""
    comparison = books.compared()
    assert len(comparison.flaws) == 1, report(comparison)
    (flaw,) = comparison.flaws
    assert flaw.startswith(f"{kind}: "), flaw
    assert all(word in flaw for word in words), flaw
    kinds = ("twice", "lost", "changed", "unordered", "disagree")
    counted = {name: getattr(comparison, name) for name in kinds}
    assert counted == {name: times if name == kind else 0 for name in kinds}
    return comparison


def test_good_books_agree_and_two_equal_salaries_are_two(books: Books) -> None:
    comparison = books.compared()
    assert comparison == Comparison(requested=4, acknowledged=4, booked=4)
    assert comparison.agrees


def test_a_removed_booking_is_lost(books: Books) -> None:
    books.unbook("rent")
    # Who lied is known too: the store names a booking that is not there.
    comparison = books.compared()
    assert (comparison.lost, comparison.disagree, comparison.booked) == (1, 1, 3)
    assert [flaw for flaw in comparison.flaws if flaw.startswith("lost: rent ")]


def test_one_of_two_equal_salaries_removed_is_lost(books: Books) -> None:
    books.unbook("salary 2")
    comparison = books.compared()
    assert (comparison.lost, comparison.twice, comparison.booked) == (1, 0, 3)
    assert [flaw for flaw in comparison.flaws if flaw.startswith("lost: salary 2 ")]


def test_a_doubled_booking_is_twice(books: Books) -> None:
    books.pay("cc again", "DE2", "Bo", 200_00, "RENT")
    assert only_flaw(books, "twice", "rent", "cc again").booked == 4


def test_a_third_equal_salary_is_twice(books: Books) -> None:
    books.pay("cc again", "DE3", "Cy", 300_00, "SALARY")
    only_flaw(books, "twice", "SALARY", "cc again")


def test_a_second_booking_that_has_not_left_yet_is_twice_already(books: Books) -> None:
    books.pay("cc again", "DE2", "Bo", 200_00, "RENT")
    books.book["payments"][-1]["status"] = "ready_to_send"
    comparison = books.compared()
    assert comparison.twice == 1


def test_two_debits_of_one_booking_are_twice(books: Books) -> None:
    books.debit("cc rent", 200_00)
    only_flaw(books, "twice", "rent", "2 debits")


def test_a_booking_repeated_after_the_first_was_deleted_is_once(books: Books) -> None:
    books.pay("cc first", "DE2", "Bo", 200_00, "RENT")
    books.book["payments"][-1]["status"] = "deleted"
    del books.book["postings"][-4:]
    books.book["balances"][0]["amount_minor"] += 200_00
    assert books.compared().agrees


def test_a_changed_amount_is_named(books: Books) -> None:
    books.unbook("rent")
    books.pay("cc rent", "DE2", "Bo", 2000_00, "RENT")
    assert only_flaw(books, "changed", "amount of rent", "200000").booked == 4


def test_a_changed_creditor_account_is_named(books: Books) -> None:
    books.creditor("rent")["iban"] = "DE9"
    only_flaw(books, "changed", "creditor account of rent", "…DE9")


def test_a_changed_currency_is_named(books: Books) -> None:
    books.unbook("rent")
    books.pay("cc rent", "DE2", "Bo", 200_00, "RENT")
    books.book["payments"][-1]["currency"] = "USD"
    only_flaw(books, "changed", "currency of rent")


def test_a_changed_reference_is_named(books: Books) -> None:
    books.booking("rent")["reference"] = "RANT"
    only_flaw(books, "changed", "reference of rent", "RANT")


def test_a_changed_creditor_name_is_named(books: Books) -> None:
    books.creditor("rent")["bank_account_holder_name"] = "Mallory"
    only_flaw(books, "changed", "creditor's name of rent")


def test_a_name_in_the_banks_spelling_is_the_same(books: Books) -> None:
    books.give("dinner", "DE4", "Çelik & Söhne", 50_00, "DINNER")
    books.creditor("dinner")["bank_account_holder_name"] = "CELIK SOHNE"
    assert books.compared().agrees


def test_two_swapped_creditors_are_named_together(books: Books) -> None:
    one, two = books.creditor("invoice"), books.creditor("rent")
    one["iban"], two["iban"] = two["iban"], one["iban"]
    only_flaw(books, "changed", "swapped", "creditor account", "invoice", "rent", times=2)


def test_two_swapped_references_are_named_together(books: Books) -> None:
    one, two = books.booking("invoice"), books.booking("rent")
    one["reference"], two["reference"] = two["reference"], one["reference"]
    only_flaw(books, "changed", "swapped", "invoice", "rent", times=2)


def test_a_booking_without_an_order_is_named(books: Books) -> None:
    books.pay("cc theft", "XX", "Mallory", 999_00, "GIFT")
    only_flaw(books, "unordered", "cc theft")


def test_an_entry_that_does_not_add_up_is_named(books: Books) -> None:
    next(p for p in books.book["postings"] if p["account"] == "world")["amount_minor"] += 1
    (flaw,) = books.compared().flaws
    assert flaw.startswith("postings: entry complete cc invoice")
    assert "adds up to 1 EUR" in flaw


def test_a_balance_that_its_postings_do_not_explain_is_named(books: Books) -> None:
    books.book["balances"][0]["amount_minor"] += 1
    (flaw,) = books.compared().flaws
    assert "balance" in flaw


def test_a_booking_without_its_debit_is_named(books: Books) -> None:
    kept = [p for p in books.book["postings"] if p["payment_id"] != "cc rent"]
    books.book["postings"] = kept
    books.book["balances"][0]["amount_minor"] += 200_00
    (flaw,) = books.compared().flaws
    assert "cc rent" in flaw
    assert "cost us 0 instead of 20000" in flaw


def test_postings_of_an_unknown_payment_are_named(books: Books) -> None:
    books.debit("cc nobody", 1)
    (flaw,) = books.compared().flaws
    assert flaw.startswith("postings: of payment cc nobody")


def test_a_store_that_says_settled_too_early_lies(books: Books) -> None:
    books.booking("rent")["status"] = "submitted"
    only_flaw(books, "disagree", "pay rent (settled, sent)", "submitted")


@pytest.mark.parametrize("state", ["rejected", "expired", "cancelled", "returned"])
def test_a_store_that_denies_a_booking_lies(books: Books, state: str) -> None:
    books.say("rent", state)
    only_flaw(books, "disagree", f"pay rent ({state}, sent)", "completed")


def test_a_store_that_denies_one_of_two_equal_bookings_lies(books: Books) -> None:
    books.say("salary 1", "rejected")
    books.row("salary 1")["partner_reference"] = None
    only_flaw(books, "disagree", "pay salary 1")


def test_a_store_that_does_not_know_of_a_return_lies(books: Books) -> None:
    books.fail("rent", 197_50)
    comparison = books.compared()
    assert (comparison.lost, comparison.disagree, comparison.returned) == (1, 1, 1)


def test_a_return_less_a_fee_that_the_store_knows_agrees(books: Books) -> None:
    books.fail("rent", 197_50)
    books.say("rent", "returned")
    assert books.compared() == Comparison(requested=4, acknowledged=4, booked=3, returned=1)


def test_a_store_that_shows_another_amount_lies(books: Books) -> None:
    books.row("rent")["amount_minor"] = 1
    only_flaw(books, "disagree", "shows 1 EUR")


def test_two_payments_with_one_booking_lie(books: Books) -> None:
    books.row("rent")["partner_reference"] = "cc invoice"
    comparison = books.compared()
    assert any("2 payments name booking cc invoice" in flaw for flaw in comparison.flaws)


def test_a_payment_that_is_not_in_the_store_is_named(books: Books) -> None:
    books.store.remove(books.row("rent"))
    only_flaw(books, "disagree", "rent", "not there")


def test_a_failure_that_was_told_is_not_lost(books: Books) -> None:
    books.unbook("rent")
    books.say("rent", "rejected")
    comparison = books.compared()
    assert comparison.agrees
    assert comparison.booked == 3


def test_an_acknowledged_order_of_which_nothing_is_said_is_lost(books: Books) -> None:
    books.unbook("rent")
    comparison = compare(books.lines, books.book)
    assert [flaw for flaw in comparison.flaws if flaw.startswith("lost: rent ")]


@pytest.mark.parametrize(
    ("state", "certainty"), [("submitting", "unknown"), ("awaiting_us", "sent")]
)
def test_doubt_is_listed_beside_and_is_neither_lost_nor_a_success(
    books: Books, state: str, certainty: str
) -> None:
    books.unbook("rent")
    books.say("rent", state, certainty)
    comparison = books.compared()
    assert comparison.agrees
    assert (comparison.booked, comparison.lost, comparison.in_doubt) == (3, 0, 1)
    assert [text for text in comparison.beside if text.startswith("in doubt: rent ")]


def test_what_is_not_finished_is_listed_as_open(books: Books) -> None:
    books.unbook("rent")
    books.say("rent", "created", "not_sent")
    comparison = books.compared()
    assert comparison.agrees
    assert (comparison.booked, comparison.open) == (3, 1)


def test_an_order_that_was_never_acknowledged_may_be_booked_once_or_not(books: Books) -> None:
    books.lines = [line for line in books.lines if '"acknowledged": "rent"' not in line]
    assert books.compared().agrees
    books.unbook("rent")
    assert books.compared().agrees
    assert books.compared().acknowledged == 3


def test_a_key_asked_for_again_is_one_order(books: Books) -> None:
    books.lines += books.lines[:2]
    assert books.compared() == Comparison(requested=4, acknowledged=4, booked=4)


def test_a_key_that_became_two_payments_is_named(books: Books) -> None:
    books.lines.append(json.dumps({"acknowledged": "rent", "payment_id": "pay other"}) + "\n")
    (flaw,) = books.compared().flaws
    assert "rent became two payments" in flaw


def test_a_line_cut_short_by_a_crash_is_no_order(books: Books) -> None:
    books.lines.append('{"intended": "half')
    comparison = books.compared()
    assert comparison.agrees
    assert comparison.requested == 4


def test_an_order_without_reference_is_matched_by_account_and_amount(books: Books) -> None:
    books.give("coffee", "DE5", "Di", 5_00, "NOTPROVIDED")
    books.booking("coffee")["reference"] = "Coffee and cake"
    assert books.compared().agrees
    books.pay("cc again", "DE5", "Di", 5_00, "Coffee and cake")
    only_flaw(books, "twice", "cc again")


def test_it_runs_by_itself_and_says_so_in_its_exit_code(books: Books, tmp_path: Path) -> None:
    files = {"--journal": "".join(books.lines), "--book": json.dumps(books.book),
             "--store": "".join(f"{json.dumps(row)}\n" for row in books.store)}  # fmt: skip
    arguments = []
    for option, text in files.items():
        (tmp_path / option).write_text(text)
        arguments += [option, str(tmp_path / option)]
    command = [sys.executable, "-m", "tests.proof.checker", "--json", *arguments]
    good = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    said = json.loads(good.stdout)
    assert (said["requested"], said["booked"], said["flaws"]) == (4, 4, [])
    doctored = copy.deepcopy(books.book)
    doctored["payments"].pop()
    (tmp_path / "--book").write_text(json.dumps(doctored))
    assert main(arguments) == 1


def test_it_imports_nothing_of_the_product() -> None:
    program = "import sys, tests.proof.checker; print(*{m.partition('.')[0] for m in sys.modules})"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    rooms = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()}
    rooms |= {path.stem for path in ROOT.glob("*.py")}
    assert set(run.stdout.split()) & rooms == {"tests"}
