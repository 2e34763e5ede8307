"""What a pain.002 says of a payment: never more than is known, and nothing that is ours alone."""

from __future__ import annotations

import pytest

from domain.lifecycle.resource import Certainty
from domain.money import Money
from domain.payments.payment import Amounts, Payment
from domain.payments.report import PaymentState as S
from messages.pain002 import Status, common_status
from starter.files.status import line_status, status_of
from store.file_lines import KeptLine, LineNow, LineRefusal
from tests.clock import START

_NOTHING = Money(minor=0, currency="EUR")
_AMOUNTS = Amounts(
    instructed=Money(minor=100, currency="EUR"), settled=_NOTHING, returned=_NOTHING,
    fees=_NOTHING, net=_NOTHING, authorised=_NOTHING, captured=_NOTHING, refunded=_NOTHING,
    disputed=_NOTHING,
)  # fmt: skip
_EXPECTED = {
    S.CREATED: "ACTC",
    S.SUBMITTING: "PDNG",
    S.AWAITING_US: "PDNG",
    S.PARTLY_CAPTURED: "ACSP",
    S.CAPTURED: "ACSC",
    S.AWAITING_USER: "PDNG",
    S.AWAITING_PARTNER: "PDNG",
    S.ACCEPTED: "ACCP",
    S.AUTHORISED: "ACCP",
    S.PROCESSING: "ACSP",
    S.SETTLED: "ACSC",
    S.FINAL: "ACSC",
    S.UNCONFIRMED: "PDNG",
    S.RETURNED: "RJCT",
    S.REJECTED: "RJCT",
    S.CANCELLED: "CANC",
    S.EXPIRED: "RJCT",
}


def _payment(state: S, certainty: Certainty = Certainty.SENT, **fields: object) -> Payment:
    return Payment.model_validate(
        {"state": state, "certainty": certainty, "amounts": _AMOUNTS, **fields}
    )


def _line(payment: Payment | None, *refusals: LineRefusal) -> LineNow:
    line = KeptLine(
        position=1,
        payment_information_id="P",
        end_to_end_id="E",
        instruction_id="",
        uetr="",
        amount_minor=100,
        currency="EUR",
        payment_key=None if refusals else "file/1",
        refusals=refusals,
    )
    return LineNow(line=line, payment_id="pay_1" if payment else None, payment=payment)


@pytest.mark.parametrize("state", list(S))
def test_each_state_has_its_word(state: S) -> None:
    assert status_of(_payment(state)) == _EXPECTED[state]


@pytest.mark.parametrize("state", list(S))
def test_in_doubt_it_is_pending_whatever_its_state(state: S) -> None:
    told = line_status(_line(_payment(state, Certainty.UNKNOWN, reason="a reason of theirs")))
    assert told.status is Status.PENDING
    assert [reason.proprietary for reason in told.reasons] == ["IN_DOUBT"]


def test_unconfirmed_is_settled_only_where_they_once_said_so() -> None:
    assert status_of(_payment(S.UNCONFIRMED, settled_at=START)) is Status.SETTLED


def test_a_code_of_the_standard_is_given_as_one_and_another_word_is_not() -> None:
    [theirs] = line_status(
        _line(_payment(S.REJECTED, status_reason="AC04", reason="closed"))
    ).reasons
    assert (theirs.code, theirs.proprietary, theirs.text) == ("AC04", "", "closed")
    [other] = line_status(_line(_payment(S.REJECTED, status_reason="too-odd"))).reasons
    assert (other.code, other.proprietary) == ("", "too-odd")


@pytest.mark.parametrize("state", [S.REJECTED, S.CANCELLED, S.EXPIRED, S.RETURNED])
def test_what_our_people_wrote_is_not_told(state: S) -> None:
    told = line_status(_line(_payment(state, is_ours=True, reason="looks like fraud to me")))
    assert not any("fraud" in reason.text for reason in told.reasons)


def test_a_refused_line_says_which_field_and_why() -> None:
    told = line_status(_line(None, LineRefusal(code="AC03", field="CdtrAcct", text="is odd")))
    assert told.status is Status.REJECTED
    assert [(reason.code, reason.text) for reason in told.reasons] == [("AC03", "CdtrAcct: is odd")]


def test_a_line_that_was_not_recorded_yet_is_pending() -> None:
    assert line_status(_line(None)).status is Status.PENDING


@pytest.mark.parametrize(
    ("statuses", "together"),
    [
        ("", "RCVD"),
        ("RJCT CANC", "RJCT"),
        ("RJCT ACSC", "PART"),
        ("PART ACSC", "PART"),
        ("ACSC PDNG", "PDNG"),
        ("ACSC ACSP", "ACSP"),
        ("ACSC ACSC", "ACSC"),
    ],
)
def test_a_group_is_what_all_its_lines_are(statuses: str, together: str) -> None:
    assert common_status(map(Status, statuses.split())) == together
