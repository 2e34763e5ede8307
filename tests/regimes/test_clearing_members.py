"""A bank's number in a clearing has the shape of that clearing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from domain.accounts import AccountError
from regimes.clearing_members import SHAPES, check_member, country_of


@pytest.mark.parametrize(
    ("system", "number", "plain"),
    [
        ("USABA", "021000021", "021000021"),
        ("USABA", "0210-0002-1", "021000021"),
        ("GBDSC", "40-47-84", "404784"),
        ("AUBSB", "062-000", "062000"),
        ("CACPA", "000305122", "000305122"),
        ("INFSC", "hdfc0000001", "HDFC0000001"),
        ("HKNCC", "004", "004"),
        ("HKNCC", "004002", "004002"),
        ("CNAPS", "102100099996", "102100099996"),
        ("NG", "011", "011"),
        ("BRISP", "00000000", "00000000"),
    ],
)
def test_a_number_is_read_as_people_write_it(system: str, number: str, plain: str) -> None:
    member = check_member(system, number)
    assert (member.system, member.number) == (system, plain)


@pytest.mark.parametrize(
    ("system", "number", "said"),
    [
        ("USABA", "021000022", "check digit"),
        ("USABA", "21000021", "9 digits"),
        ("GBDSC", "40478", "6 digits"),
        ("GBDSC", "40478A", "6 digits"),
        ("INFSC", "HDFC1000001", "fifth a zero"),
        ("CACPA", "30512200", "9 digits"),
        ("GBDSC", "٤٠٤٧٨٤", "6 digits"),
        ("CP999", "1", "not a clearing system"),
        ("", "1", "not a clearing system"),
        ("NG", "", "cannot be"),
        ("NG", "0" * 36, "cannot be"),
    ],
)
def test_what_is_no_such_number_is_refused_with_what_one_looks_like(
    system: str, number: str, said: str
) -> None:
    with pytest.raises(AccountError, match=said):
        check_member(system, number)


def test_every_system_of_the_official_list_is_known_with_its_country(specs: Path) -> None:
    path = specs / "iso20022/codes/sets/external_clearing_system_identification_code.json"
    official = json.loads(path.read_text())["codes"]
    assert [system for system in official if not country_of(system)] == []
    assert set(SHAPES) <= set(official)
    assert country_of("CNAPS") == "CN"
    assert country_of("XXXXX") == ""
