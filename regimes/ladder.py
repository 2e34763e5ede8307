"""Whom we ask, and when, about a payment that makes no progress."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from domain.lifecycle.escalation import DueRung, Ladder, Rung
from domain.payments.order import Rail
from domain.payments.report import PaymentState
from regimes.business_time import OpeningHours, after
from regimes.calendars import TARGET

#: Our own choice: when people of ours and of a partner in the euro area can be reached.
OFFICE_HOURS: Final = OpeningHours(
    calendar=TARGET, zone=ZoneInfo("Europe/Brussels"), opens=time(9), closes=time(17)
)

_HOUR: Final = timedelta(hours=1)
_DAY: Final = OFFICE_HOURS.day

_OPERATIONS: Final = "payments-operations"
_COMPLIANCE: Final = "compliance"
_HEAD: Final = "head-of-payments"

#: A partner's review is a regulatory wait, and no law limits it. Most reviews end within hours,
#: once a missing document is handed in, so we first ask the partner on the same day. A review of
#: three days is about a person or a country, and compliance knows more about that. After a week
#: the payer needs an answer, whatever the partner says. All four times are our own choice.
_AWAITING_PARTNER: Final = Ladder(
    rungs=(
        Rung(
            4 * _HOUR,
            _OPERATIONS,
            "The partner has held this payment for half a day. Ask the partner what is missing.",
        ),
        Rung(
            1 * _DAY,
            _OPERATIONS,
            "The partner has held this payment for a day. Ask the partner again, and inform the "
            "payer.",
        ),
        Rung(
            3 * _DAY,
            _COMPLIANCE,
            "The partner has held this payment for three days. Find out what the review is about.",
        ),
        Rung(
            5 * _DAY,
            _HEAD,
            "The partner has held this payment for a week. Decide whether to cancel it.",
        ),
    ),
    answer_within=_DAY,
)

#: The payment waits for a person of ours, who was asked at once. These rungs say that nobody acted.
#: The times are our own choice.
_AWAITING_US: Final = Ladder(
    rungs=(
        Rung(
            4 * _HOUR,
            _OPERATIONS,
            "This payment has waited for our decision for half a day. Decide, or hand it on.",
        ),
        Rung(
            1 * _DAY,
            _HEAD,
            "This payment has waited for our decision for a day. Make sure that somebody decides.",
        ),
    ),
    answer_within=_DAY,
)

#: SEPA: the creditor's bank has the amount by the end of the next business day: Directive (EU)
#: 2015/2366, Article 83(1), and EPC125-05, maximum execution time. The partner may learn of it a
#: day later. A payment that is still under way after that is late; after a week it is lost or
#: stopped. For local clearings elsewhere the time is our own choice: most credit on the same or the
#: next day and the slowest on the third, so we first ask after three days; cards clear as fast.
_PROCESSING: Final = {
    Rail.SEPA_CREDIT_TRANSFER: (2 * _DAY, "two days"),
    Rail.DOMESTIC: (3 * _DAY, "three days"),
    Rail.CARD: (3 * _DAY, "three days"),
}


def _under_way(first: timedelta, words: str) -> Ladder:
    return Ladder(
        rungs=(
            Rung(
                first,
                _OPERATIONS,
                f"This payment has been under way for {words}. Have the partner trace it.",
            ),
            Rung(
                5 * _DAY,
                _HEAD,
                "This payment has been under way for a week. Decide how to compensate the payer.",
            ),
        ),
        answer_within=_DAY,
    )


#: Our own choice: no common time binds a chain of banks. Most payments end within two days. A
#: payment that is stopped on the way waits for an answer, so we ask for a trace after three days.
_CROSS_BORDER: Final = Ladder(
    rungs=(
        Rung(
            3 * _DAY,
            _OPERATIONS,
            "This payment has been under way for three days. Have the partner trace it.",
        ),
        Rung(
            7 * _DAY,
            _OPERATIONS,
            "This payment has been under way for more than a week. Ask the partner where it is.",
        ),
        Rung(
            10 * _DAY,
            _HEAD,
            "This payment has been under way for two weeks. Decide how to compensate the payer.",
        ),
    ),
    answer_within=_DAY,
)

#: EPC016-06, 4.3.4: the debtor's bank may return a debit until five TARGET days after its due date;
#: in the United States most returns take two banking days. Processors report it as paid only then.
_DEBIT: Final = Ladder(
    rungs=(
        Rung(
            6 * _DAY,
            _OPERATIONS,
            "This debit has been under way for more than a week. Ask the partner where it is.",
        ),
        Rung(
            10 * _DAY,
            _HEAD,
            "This debit has been under way for two weeks. Decide whether to wait for it.",
        ),
    ),
    answer_within=_DAY,
)

LADDERS: Final[Mapping[tuple[PaymentState, Rail], Ladder]] = {
    **{(PaymentState.AWAITING_PARTNER, rail): _AWAITING_PARTNER for rail in Rail},
    **{(PaymentState.AWAITING_US, rail): _AWAITING_US for rail in Rail},
    **{
        (PaymentState.PROCESSING, rail): _under_way(first, words)
        for rail, (first, words) in _PROCESSING.items()
    },
    (PaymentState.PROCESSING, Rail.CROSS_BORDER): _CROSS_BORDER,
    (PaymentState.PROCESSING, Rail.SEPA_DIRECT_DEBIT): _DEBIT,
    (PaymentState.PROCESSING, Rail.ACH_DEBIT): _DEBIT,
}


def escalate(
    state: PaymentState,
    rail: Rail,
    since: datetime,
    *,
    ladders: Mapping[tuple[PaymentState, Rail], Ladder] = LADDERS,
    hours: OpeningHours = OFFICE_HOURS,
) -> tuple[DueRung, ...]:
    """The rungs of a state that was entered at a moment. With its defaults it is an `Escalate`.

    Raises:
        ValueError: `since` is naive.
    """
    ladder = ladders.get((state, rail))
    if ladder is None:
        return ()
    ends = [
        *(rung.after for rung in ladder.rungs[1:]),
        ladder.rungs[-1].after + ladder.answer_within,
    ]
    return tuple(
        DueRung(
            kind=f"{state.value}_{number}",
            at=after(since, rung.after, hours),
            answer_by=after(since, end, hours),
            owner=rung.owner,
            question=rung.question,
        )
        for number, (rung, end) in enumerate(zip(ladder.rungs, ends, strict=True), start=1)
    )
