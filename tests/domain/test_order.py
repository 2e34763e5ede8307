"""An order's times make sense, and it shows no account number by accident."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from pydantic import ValidationError

from domain.payments.order import Times
from tests.domain.samples import CREDITOR_IBAN, HOUR, NOW, ORDER, SECOND


def test_it_cannot_be_executed_before_it_is_sent() -> None:
    Times(submit_before=NOW, execute_by=NOW)
    with pytest.raises(ValidationError, match="make it the same or later"):
        Times(submit_before=NOW, execute_by=NOW - SECOND)


def test_it_cannot_be_held_until_it_may_no_longer_be_sent() -> None:
    Times(submit_from=NOW - SECOND, submit_before=NOW)
    with pytest.raises(ValidationError, match="make it earlier"):
        Times(submit_from=NOW, submit_before=NOW)


def test_its_last_moment_may_be_open_until_it_is_accepted() -> None:
    open_order = ORDER.model_copy(update={"times": Times(execute_by=NOW)})
    with pytest.raises(ValueError, match="not accepted yet"):
        _ = open_order.submit_before


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        Times(submit_before=datetime(2026, 3, 2, 12))  # noqa: DTZ001 - what is refused


def test_it_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        ORDER.end_to_end_id = "other"  # type: ignore[misc] # what is refused


def test_it_shows_no_account_number() -> None:
    assert CREDITOR_IBAN not in repr(ORDER)
    assert CREDITOR_IBAN not in str(ORDER)


def test_it_comes_back_from_the_store_as_it_was() -> None:
    later = ORDER.model_copy(
        update={
            "times": Times(submit_before=NOW, execute_by=NOW + HOUR + timedelta(microseconds=1))
        }
    )
    assert type(ORDER).model_validate_json(later.model_dump_json()) == later
