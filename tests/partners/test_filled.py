"""No place of a partner is left as `finality partner new` wrote it."""

from __future__ import annotations

from terminal.partner.marks import MARK
from tests.conftest import ROOT


def test_no_claim_about_a_partner_is_left_unchecked() -> None:
    left = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for folder in ("partners", "simulators", "tests/partners")
        for file in sorted((ROOT / folder).rglob("*.py"))
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if MARK in line
    ]
    what = "check each place with the partner's documentation, and remove its mark"
    assert not left, "\n".join([what, *left])
