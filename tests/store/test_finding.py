"""Finding payments by what people know of them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from domain.accounts import Account
from domain.money import Money
from domain.party import Party
from store.file_lines import FileHeader, FileLines, KeptLine
from store.files import Files
from store.finding import ANYTHING, Wanted, matching
from tests.clock import START
from tests.fakes import BANK, order
from tests.store.books import KEYRING, Store

DAY = timedelta(days=1)


async def _ids(store: Store, wanted: Wanted, limit: int = 9) -> list[str]:
    found = await store.payments.find(wanted, limit=limit)
    return [record.payment_id for record in found.records]


@pytest.fixture
async def kept(store: Store) -> Store:
    """Three payments: a day lies between the first and the others, and one is another tenant's."""
    await store.accept("k1", payment_id="pay_1")
    store.clock.step(DAY)
    now = store.clock.now()
    await store.accept(
        "k2",
        payment_id="pay_2",
        of=order(
            now,
            minor=500,
            end_to_end_id="RENT-5",
            creditor=Party(name="Müller & Söhne"),
            creditor_account=Account(iban="NL91ABNA0417164300"),
        ),
    )
    await store.accept("k3", payment_id="pay_3", of=order(now, tenant="other"))
    return store


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (ANYTHING, {"pay_1", "pay_2", "pay_3"}),
        (Wanted(tenant="other"), {"pay_3"}),
        (Wanted(end_to_end_id="INVOICE-77"), {"pay_1", "pay_3"}),
        (Wanted(end_to_end_id="INVOICE-77", tenant="shop"), {"pay_1"}),
        (Wanted(end_to_end_id="INVOICE-7"), set()),
        # Any name of the payment.
        (Wanted(reference="pay_2"), {"pay_2"}),
        (Wanted(reference="k3"), {"pay_3"}),
        (Wanted(reference="INVOICE-77"), {"pay_1", "pay_3"}),
        (Wanted(reference="INVOICE-77", tenant="other"), {"pay_3"}),
        (Wanted(reference="INVOICE-7"), set()),
        (Wanted(creditor="nl91 abna 0417 1643 00"), {"pay_2"}),
        # Another account, of which the clear column shows the same digits.
        (Wanted(creditor="NL91INGB0000434300"), set()),
        (Wanted(creditor="muller & SÖHNE"), {"pay_2"}),
        (Wanted(creditor="MÜLLER"), {"pay_2"}),
        (Wanted(creditor="söhne"), {"pay_2"}),
        (Wanted(amount=Money(minor=500, currency="EUR")), {"pay_2"}),
        (Wanted(amount=Money(minor=500, currency="USD")), set()),
        (Wanted(day=START.date()), {"pay_1"}),
        (Wanted(day=(START + DAY).date(), partner=BANK), {"pay_2", "pay_3"}),
        (Wanted(partner="nobody"), set()),
        (Wanted(state="final"), set()),
    ],
)
async def test_a_payment_is_found_by_what_people_know_of_it(
    kept: Store, wanted: Wanted, found: set[str]
) -> None:
    assert set(await _ids(kept, wanted)) == found


async def test_payments_of_a_file_are_found_by_its_message_id(kept: Store) -> None:
    files, lines = Files(kept.database), FileLines(kept.database, KEYRING)
    now = kept.clock.now()
    await files.take(["shop"], file_key="f", fingerprint="f", message_id="MSG-1", now=now)
    await lines.keep(
        "shop",
        "f",
        message_id="MSG-1",
        header=FileHeader(
            initiating_party="We", version=".09", created_at=None, count=1, control_sum=Decimal(5)
        ),
        lines=[
            KeptLine(
                position=1,
                payment_information_id="P",
                end_to_end_id="RENT-5",
                instruction_id="",
                uetr="",
                amount_minor=500,
                currency="EUR",
                payment_key="k2",
            )
        ],
    )
    assert await _ids(kept, Wanted(message_id="MSG-1")) == ["pay_2"]
    assert await _ids(kept, Wanted(message_id="MSG-2")) == []


async def test_a_search_says_when_it_stops_before_the_end(
    kept: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await kept.payments.find(ANYTHING, limit=2)
    assert (len(found.records), found.cut_after) == (2, 2)
    found = await kept.payments.find(ANYTHING, limit=3)
    assert (len(found.records), found.cut_after) == (3, None)
    monkeypatch.setattr("store.payments.OPENED_MAX", 1)
    found = await kept.payments.find(Wanted(creditor="nobody"), limit=9)
    assert (found.records, found.cut_after) == ([], 1)


async def test_pages_of_a_search_follow_each_other_without_a_gap(store: Store) -> None:
    for number in range(7):
        await store.accept(f"k{number}", payment_id=f"pay_{number}")
    read = await store.database.read(
        lambda session: [row.resource_id for row in matching(session, ANYTHING, page=3)]
    )
    assert sorted(read) == [f"pay_{number}" for number in range(7)]
