"""Every word of the official files is mapped, or named as one that we never meet."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, Final

import pytest

from partners.obie import errors, words
from partners.obie.errors import Proves, proven, read_errors

VERSIONS: Final = ("v3.1.11", "v4.0")
_CONSENT, _PAYMENT, _MULTI, _ACCESS = (
    ("payment-initiation", "OBWriteDomesticConsentResponse5.Data.Status"),
    ("payment-initiation", "OBWriteDomesticResponse5.Data.Status"),
    ("payment-initiation", "Data.MultiAuthorisation.Status"),
    ("account-info", "OBReadConsentResponse1.Data.Status"),
)


@pytest.fixture(scope="module")
def published(specs: Path) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = json.loads((specs / "obie" / "enums.json").read_text())
    return found


@pytest.fixture(scope="module")
def codes(specs: Path) -> dict[str, tuple[str, str]]:
    """The error codes of v4, each with its name and its HTTP status."""
    file = specs / "obie" / "codesets" / "OB_Internal_Codeset.csv"
    with file.open(encoding="utf-8-sig", newline="") as rows:
        return {
            row[1]: (row[2], row[4])
            for row in csv.reader(rows)
            if row[0] == "OBExternalStatusReason1Code" and row[4]
        }


@pytest.fixture(scope="module")
def names(specs: Path) -> list[str]:
    """The error codes of v3.1.11."""
    file = specs / "obie" / "v3.1.11" / "payment-initiation-openapi.json"
    error = json.loads(file.read_text())["components"]["schemas"]["OBError1"]
    found: list[str] = error["properties"]["ErrorCode"]["x-namespaced-enum"]
    return found


@pytest.mark.parametrize(
    ("where", "table"),
    [
        (_CONSENT, words.APPROVALS),
        (_PAYMENT, words.STATES),
        (_MULTI, words.OTHERS_WAITED_FOR),
        (_ACCESS, words.CONSENTS),
    ],
    ids=["consent", "payment", "multi-authorisation", "access"],
)
def test_every_status_of_both_versions_is_mapped(
    published: dict[str, dict[str, list[str]]], where: tuple[str, str], table: dict[str, Any]
) -> None:
    file, name = where
    assert {word for each in VERSIONS for word in published[f"{each}/{file}"][name]} == set(table)


def test_every_error_code_is_classified_once(codes: dict[str, tuple[str, str]]) -> None:
    groups = (
        errors.REFUSED, errors.APPROVAL, errors.UNCLEAR, errors.NOT_FOUND, errors.NOT_MET,
    )  # fmt: skip
    classified = [code for group in groups for code in group]
    assert sorted(classified) == sorted(codes) == sorted(errors.NAMES)


def test_every_name_of_v3_has_its_code(codes: dict[str, tuple[str, str]], names: list[str]) -> None:
    ours = {code: name for code, name in errors.NAMES.items() if name}
    assert sorted(ours.values()) == sorted(names)
    assert all(codes[code][0] == name for code, name in ours.items())


def test_each_code_proves_what_its_own_status_means(codes: dict[str, tuple[str, str]]) -> None:
    for code, (name, status) in codes.items():
        if not status.isdigit() or code in errors.NOT_MET:
            continue
        expected = Proves.REFUSED if code in errors.REFUSED else Proves.NOTHING
        expected = Proves.APPROVAL if code in errors.APPROVAL else expected
        for word in (code, name):
            told = read_errors(json.dumps({"Errors": [{"ErrorCode": word, "Message": "m"}]}))
            assert proven(int(status), told) is expected, f"{status} {word}"


@pytest.mark.parametrize(
    ("status", "body", "proves"),
    [
        (400, "", Proves.NOTHING),
        (400, "{}", Proves.NOTHING),
        (400, '{"Errors":[]}', Proves.NOTHING),
        (400, '{"Errors":[{"ErrorCode":"U999"}]}', Proves.NOTHING),
        (400, '{"Errors":[{"ErrorCode":"U002"},{"ErrorCode":"U000"}]}', Proves.NOTHING),
        (400, '{"Errors":[{"ErrorCode":"U002"},{"ErrorCode":"U009"}]}', Proves.APPROVAL),
        (403, '{"Errors":[{"ErrorCode":"U002"}]}', Proves.NOTHING),
        (403, "", Proves.NOTHING),
        (302, "", Proves.NOTHING),
        (409, '{"Errors":[{"ErrorCode":"U029"}]}', Proves.NOTHING),
        (401, "<html>", Proves.TURNED_AWAY),
        (429, "", Proves.TURNED_AWAY),
    ],
)
def test_an_answer_proves_no_more_than_it_says(status: int, body: str, proves: Proves) -> None:
    assert proven(status, read_errors(body)) is proves


def test_an_unknown_code_is_drift_and_quoted() -> None:
    told = read_errors('{"Errors":[{"ErrorCode":"U999"}]}')
    assert errors.drift("/p", 400, told) == (
        "/p: 400 with the code 'U999', which is not known here",
    )
    assert errors.drift("/p", 400, ()) != ()
