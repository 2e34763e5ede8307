"""From files to orders: who pays, when, and what is refused on the way."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.accounts import Account
from domain.money import Money
from messages.pain001 import read
from regimes.sepa import CUT_OFF
from starter.files.plan import DebtorAccount, FilePlan, plan
from starter.fingerprint import fingerprint
from tests.messages.files import (
    CREDITOR,
    DEBTOR,
    Block,
    nested,
    of,
    pain001,
    transfer,
)

#: A Monday, ten in the morning in Brussels.
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
ACCOUNT = DebtorAccount(
    iban=DEBTOR,
    tenant="default",
    partner="currencycloud",
    partner_account="main",
    currency="EUR",
    simulated=True,
)
DEBTORS = {DEBTOR: ACCOUNT}


def on(day: str, *lines: str) -> bytes:
    return pain001(Block(list(lines) or [transfer()], day=nested("ReqdExctnDt/Dt", day)))


def planned(source: bytes, *, now: datetime = NOW, **options: Any) -> FilePlan:
    return plan(read(source), options.pop("debtors", DEBTORS), now=now, **options)


def codes(source: bytes, **options: Any) -> list[tuple[str, str]]:
    (refused,) = planned(source, **options).refused
    assert all(refusal.text for refusal in refused.refusals)
    return [(refusal.code, refusal.field) for refusal in refused.refusals]


def test_a_line_becomes_an_order_of_the_mapped_account() -> None:
    remittance = nested("RmtInf/Ustrd", "Invoice 1")
    debtors = {DEBTOR: replace(ACCOUNT, tenant="acme", on_behalf_of="contact-1")}
    (one,) = planned(on("2026-11-25", transfer("12.50", after=remittance)), debtors=debtors).orders
    order = one.order
    assert (order.tenant, order.partner, order.partner_account) == ("acme", "currencycloud", "main")
    assert order.on_behalf_of == "contact-1"
    assert order.instructed_amount == Money(minor=1250, currency="EUR")
    assert order.debtor_account == Account(iban=DEBTOR, currency="EUR")
    assert order.creditor_account == Account(iban=CREDITOR)
    assert (order.creditor.name, order.creditor_agent) == ("Creditor Name", "SPUEDE2UXXX")
    assert (order.end_to_end_id, order.remittance_information) == ("E-1", "Invoice 1")
    assert one.line.position == 1


def test_a_future_day_is_kept_and_sets_all_times() -> None:
    (one,) = planned(on("2026-11-25")).orders
    assert one.rules_of == one.order.times.requested_execution_date == date(2026, 11, 25)
    assert one.order.times.submit_before == datetime(2026, 11, 25, 14, tzinfo=UTC)
    assert one.order.times.execute_by == datetime(2026, 11, 25, 23, tzinfo=UTC)
    assert "PmtInf/ReqdExctnDt" not in {notice.field for notice in one.notices}


@pytest.mark.parametrize(
    ("wished", "now", "executed"),
    [
        ("2026-11-23", NOW, "2026-11-23"),
        ("2026-11-23", NOW.replace(hour=13, minute=59), "2026-11-23"),
        ("2026-11-23", NOW.replace(hour=14), "2026-11-24"),
        ("2026-11-27", NOW.replace(day=27, hour=14), "2026-11-30"),
        ("2026-11-28", NOW, "2026-11-30"),
        ("2026-12-25", NOW, "2026-12-28"),
        ("2027-01-01", NOW, "2027-01-04"),
        # Half past eleven in the evening in London is another day in Brussels.
        ("2026-11-24", NOW.replace(hour=23, minute=30), "2026-11-24"),
    ],
)
def test_a_day_that_cannot_be_kept_moves_to_the_next_and_is_said(
    wished: str, now: datetime, executed: str
) -> None:
    (one,) = planned(on(wished), now=now).orders
    day = date.fromisoformat(executed)
    assert one.order.times.requested_execution_date == day
    assert one.order.times.submit_before == CUT_OFF.on(day) > now
    said = [notice.text for notice in one.notices if notice.field == "PmtInf/ReqdExctnDt"]
    assert [executed in text for text in said] == ([] if wished == executed else [True])


def test_a_day_that_is_over_is_refused_with_the_remedy() -> None:
    ((_, (refusal,)),) = planned(on("2026-11-22")).refused
    assert (refusal.code, refusal.field) == ("DT01", "PmtInf/ReqdExctnDt")
    assert "--as-of 2026-11-22" in refusal.text


def test_a_day_years_ahead_is_taken_for_a_mistake() -> None:
    assert codes(on("2062-11-25")) == [("CH03", "PmtInf/ReqdExctnDt")]


def test_an_unmapped_account_never_pays_and_the_setting_is_named() -> None:
    ((_, (refusal,)),) = planned(on("2026-11-25"), debtors={}).refused
    assert refusal.code == "AC02"
    assert "FINALITY_DEBTORS" in refusal.text
    assert "`finality up --debtor`" in refusal.text
    assert DEBTOR not in refusal.text


@pytest.mark.parametrize(
    ("expected", "source"),
    [
        (("AM01", "Amt/InstdAmt"), of(transfer("0.00"))),
        (("AM02", "Amt/InstdAmt"), of(transfer("1000000000.00"))),
        (("AM02", "Amt/InstdAmt"), of(transfer("9" * 15 + ".99"))),
        (("AM12", "Amt/InstdAmt"), of(transfer("-1.00"))),
        (("AM03", "Amt/InstdAmt"), of(transfer(currency="USD"))),
        (("AM11", "Amt/InstdAmt/@Ccy"), of(transfer(currency="EUX"))),
        (("CH20", "Amt/InstdAmt"), of(transfer("1.001"))),
        (
            ("AC03", "CdtrAcct/Id/IBAN"),
            of(transfer(account=nested("CdtrAcct/Id/IBAN", "DE21500500009876543211"))),
        ),
        (
            ("AC03", "CdtrAcct/Id/IBAN"),
            of(transfer(account=nested("CdtrAcct/Id/IBAN", "DE2150050000987654321"))),
        ),
        (
            ("AG03", "CdtrAcct/Id/IBAN"),
            of(
                transfer(
                    kind=nested("PmtTpInf/SvcLvl/Cd", "SEPA"),
                    account=nested("CdtrAcct/Id/IBAN", "AE070331234567890123456"),
                )
            ),
        ),
        (
            ("AC02", "PmtInf/DbtrAcct/Id/IBAN"),
            pain001(Block(account=nested("DbtrAcct/Id/IBAN", "DE88200500001234567890"))),
        ),
        (
            ("RC01", "CdtrAgt/FinInstnId/BICFI"),
            of(transfer(agent=nested("CdtrAgt/FinInstnId/BICFI", "SPUEDE2U1"))),
        ),
        (
            ("BE04", "Cdtr/PstlAdr"),
            of(transfer(creditor="<Cdtr><Nm>N</Nm><PstlAdr><AdrLine>1</AdrLine></PstlAdr></Cdtr>")),
        ),
        (
            ("BE07", "PmtInf/Dbtr/PstlAdr"),
            pain001(Block(debtor="<Dbtr><Nm>N</Nm><PstlAdr><AdrLine>1</AdrLine></PstlAdr></Dbtr>")),
        ),
        (
            ("AC10", "PmtInf/DbtrAcct/Ccy"),
            pain001(
                Block(account=f"<DbtrAcct><Id><IBAN>{DEBTOR}</IBAN></Id><Ccy>USD</Ccy></DbtrAcct>")
            ),
        ),
    ],
)
def test_what_cannot_be_paid_is_refused_in_the_words_of_the_file(
    expected: tuple[str, str], source: bytes
) -> None:
    assert codes(source) == [expected]
    assert planned(source).orders == ()


def test_an_account_in_another_currency_does_not_pay_euros() -> None:
    debtors = {DEBTOR: replace(ACCOUNT, currency="USD")}
    assert codes(on("2026-11-25"), debtors=debtors) == [("AM03", "Amt/InstdAmt")]


def test_a_bank_nobody_has_heard_of_does_not_stop_a_payment() -> None:
    line = transfer(agent=nested("CdtrAgt/FinInstnId/BICFI", "ZZZZDEFFXXX"))
    assert len(planned(on("2026-11-25", line)).orders) == 1


def test_refused_lines_stand_beside_good_ones() -> None:
    result = planned(on("2026-11-25", transfer("0.00"), transfer(), transfer(after="<Tax/>")))
    assert [one.line.position for one in result.orders] == [2]
    assert [one.line.position for one in result.refused] == [1, 3]


def test_two_equal_salaries_have_two_keys_and_one_content() -> None:
    first, second = planned(on("2026-11-25", transfer(), transfer())).orders
    assert first.key != second.key
    assert first.received == second.received


def test_the_same_file_has_the_same_keys_and_fingerprints_whenever_it_is_read() -> None:
    source = on("2026-11-25", transfer(), transfer("20.00"))
    (early, late) = (planned(source, now=NOW + timedelta(hours=hours)) for hours in (0, 24))
    shifted = planned(source, as_of=date(2026, 11, 24))
    for other in (late, shifted):
        assert [one.key for one in other.orders] == [one.key for one in early.orders]
        assert [fingerprint(one.received) for one in other.orders] == [
            fingerprint(one.received) for one in early.orders
        ]


def test_a_refused_line_does_not_change_the_keys_of_the_others() -> None:
    (_, good), (alone,) = (
        planned(on("2026-11-25", first, transfer())).orders
        for first in (transfer(), transfer("0.00"))
    )
    assert alone.key == good.key


@pytest.mark.parametrize(
    "source",
    [
        pain001(message_id="MSG-2"),
        pain001(Block(name="BLOCK-2")),
        pain001(initiating_party="<InitgPty><Nm>Another</Nm></InitgPty>"),
    ],
)
def test_another_file_block_or_sender_has_other_keys(source: bytes) -> None:
    assert planned(source).orders[0].key != planned(pain001()).orders[0].key


def test_another_tenant_has_other_keys() -> None:
    theirs = planned(pain001(), debtors={DEBTOR: replace(ACCOUNT, tenant="acme")})
    assert theirs.orders[0].key != planned(pain001()).orders[0].key


def test_a_changed_amount_keeps_the_key_and_changes_the_fingerprint() -> None:
    (one,), (other,) = (planned(of(transfer(amount))).orders for amount in ("1.00", "2.00"))
    assert one.key == other.key
    assert fingerprint(one.received) != fingerprint(other.received)


def test_lines_of_a_file_are_one_batch_and_another_message_id_another() -> None:
    first, second = planned(on("2026-11-25", transfer(), transfer())).orders
    assert first.intent == second.intent
    (other,) = planned(pain001(message_id="MSG-2")).orders
    assert other.intent.batch != first.intent.batch


def test_a_line_asks_for_its_day_even_where_that_was_moved() -> None:
    on_time, late = (
        planned(on("2026-11-23"), now=NOW.replace(hour=hour)).orders[0] for hour in (13, 14)
    )
    assert on_time.order.times != late.order.times
    assert on_time.intent == late.intent
    (asked_later,) = planned(on("2026-11-24")).orders
    assert asked_later.intent.content != late.intent.content


def test_a_key_is_one_the_store_takes() -> None:
    (one,) = planned(pain001()).orders
    assert one.key.startswith("file/")
    assert len(one.key) <= 255


def test_as_of_judges_in_the_files_time_and_shifts_into_ours() -> None:
    (one,) = planned(on("2010-11-26"), as_of=date(2010, 11, 25)).orders
    assert one.rules_of == date(2010, 11, 26)
    times = one.order.times
    assert times.requested_execution_date == date(2026, 11, 24)
    # From eight in the morning to three in the afternoon of the next day.
    assert times.submit_before == NOW + timedelta(hours=31)
    assert times.execute_by == NOW + timedelta(hours=40)


def test_as_of_runs_at_any_hour_of_ours() -> None:
    late = NOW.replace(hour=22)
    (one,) = planned(on("2010-11-25"), now=late, as_of=date(2010, 11, 25)).orders
    assert one.order.times.submit_before == late + timedelta(hours=7)


def test_as_of_moves_days_by_the_calendar_of_then() -> None:
    (one,) = planned(on("2010-11-27"), as_of=date(2010, 11, 27)).orders
    assert one.rules_of == date(2010, 11, 29)
    assert one.order.times.requested_execution_date == date(2026, 11, 25)
    assert any("2010-11-29" in notice.text for notice in one.notices)


def test_as_of_follows_the_address_rules_of_then() -> None:
    creditor = "<Cdtr><Nm>N</Nm><PstlAdr><AdrLine>Street 1</AdrLine></PstlAdr></Cdtr>"
    source = on("2026-11-12", transfer(creditor=creditor))
    assert len(planned(source, as_of=date(2026, 11, 12)).orders) == 1
    # Accepted before the day, executed after it.
    source = on("2026-11-16", transfer(creditor=creditor))
    assert codes(source, as_of=date(2026, 11, 12)) == [("BE04", "Cdtr/PstlAdr")]


def test_as_of_still_refuses_a_day_that_was_over_then() -> None:
    assert codes(on("2010-11-24"), as_of=date(2010, 11, 25)) == [("DT01", "PmtInf/ReqdExctnDt")]


def test_dates_are_never_shifted_for_a_real_bank() -> None:
    debtors = {DEBTOR: replace(ACCOUNT, simulated=False)}
    ((_, (refusal,)),) = planned(
        on("2010-11-25"), debtors=debtors, as_of=date(2010, 11, 25)
    ).refused
    assert refusal.code == "DT01"
    assert "leave out --as-of" in refusal.text


@given(
    st.integers(0, 2 * 365 * 86400).map(lambda seconds: NOW + timedelta(seconds=seconds)),
    st.integers(0, 300),
)
def test_what_is_planned_can_still_be_sent(now: datetime, days: int) -> None:
    wished = CUT_OFF.day_of(now) + timedelta(days=days)
    (one,) = planned(on(wished.isoformat()), now=now).orders
    times = one.order.times
    assert now < one.order.submit_before
    assert times.requested_execution_date is not None
    assert times.requested_execution_date >= wished
    assert times.execute_by is not None
    assert one.order.submit_before < times.execute_by


@pytest.mark.parametrize(
    ("name", "day", "iban", "amounts"),
    [
        ("sepa-king/pain.001.001.03.xml", date(2010, 11, 25), DEBTOR, [654314, 11272]),
        (
            "nexatech-fineract/sample-pain001.xml",
            date(2025, 1, 20),
            "DE89370400440532013000",
            [100000],
        ),
    ],
)
def test_real_samples_are_paid_whole_as_of_their_day(
    specs: Path, name: str, day: date, iban: str, amounts: list[int]
) -> None:
    file = read(specs / "iso20022" / "samples" / name)
    result = plan(file, {iban: replace(ACCOUNT, iban=iban)}, now=NOW, as_of=day)
    assert result.refused == ()
    assert [one.order.instructed_amount.minor for one in result.orders] == amounts
    for one in result.orders:
        assert one.order.times.requested_execution_date == date(2026, 11, 23)
        assert one.order.submit_before > NOW
