"""A report's identity: the same words are one report, and stay the one that was stored."""

from __future__ import annotations

from datetime import timedelta

from domain.payments.report import PaymentState, Report, Source
from tests.domain.samples import SECOND, decision, gate, report

S = PaymentState


def test_a_report_of_the_first_release_is_still_the_same_one() -> None:
    """Another id would store it a second time, and make every old payment look refolded."""
    assert report(S.ACCEPTED).report_id == "b906318c0e28c358f862eeef5d16d6ae"


def test_every_word_of_it_is_part_of_what_it_is() -> None:
    told = [
        report(S.ACCEPTED),
        report(S.PROCESSING),
        report(S.ACCEPTED, SECOND),
        report(S.ACCEPTED, source=Source.REPLY),
        report(S.ACCEPTED, partner_reference=None),
        report(S.ACCEPTED, reason="because"),
        gate(S.CREATED),
        decision(S.SETTLED),
        decision(S.SETTLED, timedelta(0), "a finding"),
        decision(S.SETTLED, decided_on=S.SUBMITTING),
    ]
    assert len({each.report_id for each in told}) == len(told)
    assert [Report.model_validate_json(each.model_dump_json()).report_id for each in told] == [
        each.report_id for each in told
    ]
