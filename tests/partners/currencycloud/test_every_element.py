"""Every element that the table calls carried reaches the partner, or is noted by name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import pytest
from lxml import etree

from messages.elements import BLOCK, LINE, Treatment
from messages.pain001 import read
from partners.currencycloud.beneficiaries import _beneficiary_fields
from partners.currencycloud.client import _instruction
from partners.currencycloud.corridors import charge_type, purpose_code
from partners.currencycloud.payers import payer_fields
from starter.files.plan import PlannedOrder, plan
from tests.messages.files import CREDITOR, Block, nested, pain001, transfer
from tests.starter.files.test_plan_rails import DEBTORS

#: Addresses of lines alone are still taken.
NOW: Final = datetime(2026, 3, 16, 9, tzinfo=UTC)
PARTS: Final = (
    "Dept SubDept StrtNm BldgNb BldgNm Flr PstBx Room PstCd TwnNm TwnLctnNm DstrctNm CtrySubDvsn"
)


def address(mark: str, *, leave_out: str = "", country: str = "DE") -> str:
    """Every part of an address, each with a text that nothing else has."""
    kind = nested("AdrTp/Cd", "ADDR")
    parts = [nested(name, f"{mark}{name}") for name in PARTS.split() if name not in leave_out]
    said = nested("Ctry", country) if country else ""
    return nested("PstlAdr", f"{kind}{''.join(parts)}{said}{nested('AdrLine', f'{mark}AdrLine')}")


def party(mark: str, number: str, **options: str) -> str:
    return f"<Nm>{mark} Name</Nm>{address(mark, **options)}{nested('Id', number)}"


ORGANISATION: Final = nested(
    "OrgId/Othr",
    nested("Id", "ORGNUMBER") + nested("SchmeNm/Cd", "COID") + nested("Issr", "ISSUER"),
)
PROPRIETARY: Final = nested(
    "OrgId/Othr", nested("Id", "OWNNUMBER") + nested("SchmeNm/Prtry", "OWNSCHEME")
)
PERSON: Final = nested(
    "PrvtId/DtAndPlcOfBirth",
    nested("BirthDt", "1980-01-31") + nested("CityOfBirth", "Bonn") + nested("CtryOfBirth", "DE"),
)
NUMBERED: Final = nested(
    "PrvtId/Othr", nested("Id", "PASSPORT") + nested("SchmeNm/Cd", "CCPT") + nested("Issr", "STATE")
)
LEI: Final = nested("OrgId/LEI", "529900T8BM49AURSDO55")
IDS: Final = nested("PmtId", nested("InstrId", "INSTRUCTION") + nested("EndToEndId", "ENDTOEND"))
PURPOSE: Final = nested("Purp/Cd", "GDDS")
KIND: Final = nested("PmtTpInf", nested("SvcLvl/Cd", "URGP") + nested("CtgyPurp/Cd", "SALA"))
SEPA_KIND: Final = nested("PmtTpInf", nested("SvcLvl/Cd", "SEPA") + nested("CtgyPurp/Cd", "SALA"))
REFERENCE: Final = nested(
    "RmtInf/Strd/CdtrRefInf", nested("Tp/CdOrPrtry/Cd", "SCOR") + nested("Ref", "RF18539007547034")
)
TEXT: Final = nested("RmtInf/Ustrd", "REMITTANCE")
BIC: Final = nested("CdtrAgt/FinInstnId/BICFI", "CHASUS33")
MEMBER: Final = nested(
    "CdtrAgt/FinInstnId",
    nested("ClrSysMmbId", nested("ClrSysId/Cd", "USABA") + nested("MmbId", "021000021"))
    + nested("Nm", "BANKNAME"),
)
NUMBER: Final = nested("CdtrAcct", nested("Id/Othr/Id", "123456789") + nested("Ccy", "USD"))


def dollars(creditor: str, **changes: str) -> str:
    said = {"ids": IDS, "kind": KIND, "agent": BIC, "account": NUMBER, "after": TEXT, **changes}
    return transfer("1234.56", currency="USD", creditor=nested("Cdtr", creditor), **said)


LINES: Final = {
    "sepa": transfer(
        "1234.56",
        ids=IDS,
        kind=SEPA_KIND,
        creditor=nested("Cdtr", f"<Nm>CR Name</Nm>{address('CR')}"),
        account=nested("CdtrAcct", nested("Id/IBAN", CREDITOR) + nested("Ccy", "EUR")),
        after=PURPOSE + TEXT,
    ),
    "sepa with a reference": transfer(
        ids=IDS, creditor=nested("Cdtr", f"<Nm>CR Name</Nm>{address('CR', country='')}"),
        after=REFERENCE,
    ),
    "an organisation": dollars(party("CR", ORGANISATION), after=PURPOSE + TEXT),
    "its own scheme": dollars(party("CR", PROPRIETARY, leave_out="StrtNm BldgNb")),
    "an LEI": dollars(party("CR", LEI)),
    "a person": dollars(party("CR", PERSON)),
    "a person's number": dollars(party("CR", NUMBERED)),
    "an ultimate person's number": dollars(
        party("CR", NUMBERED), before=nested("UltmtDbtr", party("UD", NUMBERED))
    ),
    "by clearing number": dollars(party("CR", ORGANISATION), agent=MEMBER),
    "an ultimate debtor": dollars(
        party("CR", ORGANISATION), before=nested("UltmtDbtr", party("UD", ORGANISATION))
    ),
    "an ultimate debtor by scheme": dollars(
        party("CR", ORGANISATION),
        before=nested("UltmtDbtr", party("UD", PROPRIETARY, leave_out="StrtNm BldgNb")),
    ),
    "an ultimate debtor with LEI": dollars(
        party("CR", ORGANISATION), before=nested("UltmtDbtr", party("UD", LEI))
    ),
    "an ultimate person": dollars(
        party("CR", ORGANISATION), before=nested("UltmtDbtr", party("UD", PERSON))
    ),
}  # fmt: skip


def source_of(line: str) -> bytes:
    debtor = nested("Dbtr", f"<Nm>DB Name</Nm>{address('DB')}")
    return pain001(Block([line], debtor=debtor, day=nested("ReqdExctnDt/Dt", "2026-03-18")))


def planned(line: str) -> PlannedOrder:
    result = plan(read(source_of(line)), DEBTORS, now=NOW)
    assert result.refused == ()
    (one,) = result.orders
    return one


def wire(one: PlannedOrder) -> list[str]:
    """Every value of the forms that are sent for an order."""
    order = one.order
    charges, purpose = charge_type(order), purpose_code(order)
    assert isinstance(charges, str)
    assert isinstance(purpose, str)
    return [
        *_beneficiary_fields(order).values(),
        *_instruction(order, "BENEFICIARY", "KEY", charges, purpose).values(),
        *payer_fields(order).values(),
    ]


def leaves(line: str) -> Iterator[tuple[str, str]]:
    """Path and value of everything that stands in the block and its line, by the tables' paths."""
    root = etree.fromstring(source_of(line))
    block = next(e for e in root.iter() if etree.QName(e).localname == "PmtInf")
    for element in block.iter():
        names = [etree.QName(e).localname for e in (element, *element.iterancestors())][::-1]
        path = "/".join(names[2:])
        if len(element) == 0:
            yield path, element.text or ""


def row_of(path: str) -> tuple[str, Treatment]:
    """Where it stands as notices say it, and what the table says becomes of it."""
    inside = path.removeprefix("PmtInf/")
    in_line = inside.startswith("CdtTrfTxInf/")
    inside = inside.removeprefix("CdtTrfTxInf/")
    table = LINE if in_line else BLOCK
    step = inside
    while step not in table:
        step = step.rpartition("/")[0]
    return (inside if in_line else f"PmtInf/{inside}"), table[step].treatment


@pytest.mark.parametrize("name", LINES)
def test_what_is_carried_is_on_the_wire_or_noted_by_name(name: str) -> None:
    one = planned(LINES[name])
    sent = wire(one)
    noted = {notice.field for notice in one.notices}
    for path, value in leaves(LINES[name]):
        field, treatment = row_of(path)
        if treatment is Treatment.USED or value == "NOTPROVIDED":
            continue
        is_noted = any(field == one or field.startswith(f"{one}/") for one in noted)
        is_sent = any(value.replace(" Name", "") in text for text in sent)
        assert is_sent or is_noted, f"{field} ({treatment}) is neither sent nor noted"
        if treatment is Treatment.NOTICED:
            assert is_noted, field


def test_the_lines_above_have_every_element_that_is_carried() -> None:
    seen = {path.removeprefix("PmtInf/") for line in LINES.values() for path, _ in leaves(line)}
    carried = {
        *(
            f"CdtTrfTxInf/{row}"
            for row, rule in LINE.items()
            if rule.treatment is Treatment.CARRIED
        ),
        *(row for row, rule in BLOCK.items() if rule.treatment is Treatment.CARRIED),
    }
    # A block's ultimate debtor and day are read as a line's; rows above others have no value.
    leaf_rows = {
        row for row in carried
        if "/@" not in row
        and not any(other.startswith(f"{row}/") for other in carried)
        and not row.startswith("UltmtDbtr")
    }  # fmt: skip
    other_bic = {"CdtTrfTxInf/CdtrAgt/FinInstnId/BIC"}
    assert leaf_rows - seen - other_bic == set()
