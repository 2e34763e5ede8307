"""pain.002 as written validates in every version, whatever the texts are."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from messages.pain002 import (
    VERSIONS,
    FileStatus,
    LineStatus,
    Reason,
    Status,
    common_status,
    write,
)

_NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
_TEXTS = st.text(st.characters(exclude_categories=()), max_size=200)
_STATUSES = st.sampled_from([one for one in Status if one is not Status.PARTLY])
_REASONS = st.builds(Reason, code=st.sampled_from(["", "AC02"]) | _TEXTS,
                     proprietary=_TEXTS, text=_TEXTS)  # fmt: skip
_LINES = st.builds(
    LineStatus,
    status_id=_TEXTS, payment_information_id=_TEXTS, end_to_end_id=_TEXTS, instruction_id=_TEXTS,
    uetr=st.uuids(version=4).map(str) | _TEXTS, status=_STATUSES,
    reasons=st.lists(_REASONS, max_size=2).map(tuple),
    accepted_at=st.none() | st.just(_NOW),
)  # fmt: skip
_REPORTS = st.builds(
    FileStatus,
    message_id=_TEXTS, created_at=st.just(_NOW), initiating_party=_TEXTS,
    original_message_id=_TEXTS, original_version=st.just("pain.001.001.09"),
    original_created_at=st.none() | st.just(_NOW), count=st.none() | st.integers(0, 10**6),
    control_sum=st.none() | st.decimals(0, 10**12, places=3).map(Decimal),
    lines=st.lists(_LINES, max_size=4), reason=st.none() | _REASONS,
)  # fmt: skip


@cache
def _schema(path: Path) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(path))


def _written(report: FileStatus, version: str) -> bytes:
    out = io.BytesIO()
    write(report, version, out)
    return out.getvalue()


def _report(*lines: LineStatus, reason: Reason | None = None) -> FileStatus:
    return FileStatus("R-1", _NOW, "Initiator", "MSG-1", "pain.001.001.09", _NOW,
                      len(lines), Decimal("1.50"), lines, reason)  # fmt: skip


def _line(status: Status, block: str = "B-1") -> LineStatus:
    return LineStatus("S-1", block, "E-1", "", "", status)


@pytest.mark.parametrize("version", VERSIONS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(report=_REPORTS)
def test_whatever_the_texts_are_it_validates(specs: Path, version: str, report: FileStatus) -> None:
    schema = _schema(specs / "iso20022" / "xsd" / f"{version}.xsd")
    schema.assertValid(etree.fromstring(_written(report, version)))


@pytest.mark.parametrize(
    ("statuses", "whole"),
    [
        ((), "RCVD"),
        (("RJCT", "RJCT"), "RJCT"),
        (("RJCT", "CANC"), "RJCT"),
        (("ACSC", "RJCT"), "PART"),
        (("PDNG", "CANC"), "PART"),
        (("ACSC", "PDNG"), "PDNG"),
        (("ACSC", "ACSP"), "ACSP"),
        (("ACSC", "ACSC"), "ACSC"),
    ],
)
def test_a_group_is_no_further_than_the_line_that_is_least_far(
    statuses: tuple[str, ...], whole: str
) -> None:
    assert common_status(map(Status, statuses)) == whole


def test_a_cancelled_line_is_rejected_where_the_version_has_no_word_for_it() -> None:
    report = _report(_line(Status.CANCELLED))
    assert b"<TxSts>RJCT</TxSts>" in _written(report, "pain.002.001.03")
    assert b"<TxSts>CANC</TxSts>" in _written(report, "pain.002.001.10")


def test_each_block_has_its_own_status() -> None:
    report = _report(_line(Status.SETTLED, "B-1"), _line(Status.REJECTED, "B-2"))
    root = etree.fromstring(_written(report, "pain.002.001.10"))
    said = [one.text for one in root.iterfind(".//{*}GrpSts")]
    assert said == ["PART"]
    assert [one.text for one in root.iterfind(".//{*}PmtInfSts")] == ["ACSC", "RJCT"]


def test_a_file_refused_as_a_whole_says_why() -> None:
    root = etree.fromstring(
        _written(_report(reason=Reason("AM10", text="sums differ")), "pain.002.001.10")
    )
    assert [one.text for one in root.iterfind(".//{*}GrpSts")] == ["RJCT"]
    assert [one.text for one in root.iterfind(".//{*}Cd")] == ["AM10"]


def test_an_unknown_version_is_said_by_name() -> None:
    with pytest.raises(ValueError, match=r"pain\.002\.001\.99"):
        write(_report(), "pain.002.001.99", io.BytesIO())
