"""The demo's payment file: a generated pain.001 with made-up people and accounts."""

from __future__ import annotations

from datetime import date
from typing import Final
from xml.sax.saxutils import escape

#: Any working day: the demo pays the file as of this day.
EXECUTION_DATE: Final = date(2026, 3, 17)
_NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
_CREDITORS: Final = (
    ("Anna Lindqvist", "Salary March"),
    ("Bakkerij De Molen", "Invoice 4711"),
    ("Çelik Metal GmbH", "Invoice 2026-118"),
    ("Dublin Office Rents", "Rent April"),
    ("Elektra Praha", "Invoice 88-3"),
    ("Fiona O'Brien", "Salary March"),
)


def iban(country: str, bban: str) -> str:
    """An IBAN with valid check digits for a made-up account (ISO 7064 MOD 97-10)."""
    digits = "".join(str(int(character, 36)) for character in f"{bban}{country}00")
    return f"{country}{98 - int(digits) % 97:02d}{bban}"


DEBTOR_IBAN: Final = iban("DE", "100500000000000001")


def demo_file(payments: int) -> bytes:
    """A pain.001.001.09 with this many payments; the last two are equal salaries, both intended."""
    lines = [_line(number) for number in range(payments - 2)]
    lines += [_line(payments, salary=True), _line(payments, salary=True)]
    amounts = [cents for _, cents in lines]
    total = f"{sum(amounts) // 100}.{sum(amounts) % 100:02d}"
    body = "".join(xml for xml, _ in lines)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{_NAMESPACE}">'
        "<CstmrCdtTrfInitn><GrpHdr><MsgId>DEMO-2026-03-17</MsgId>"
        f"<CreDtTm>{EXECUTION_DATE}T07:30:00Z</CreDtTm><NbOfTxs>{payments}</NbOfTxs>"
        f"<CtrlSum>{total}</CtrlSum><InitgPty><Nm>Demo Trading</Nm></InitgPty></GrpHdr>"
        "<PmtInf><PmtInfId>DEMO-1</PmtInfId><PmtMtd>TRF</PmtMtd>"
        f"<NbOfTxs>{payments}</NbOfTxs><CtrlSum>{total}</CtrlSum>"
        "<PmtTpInf><SvcLvl><Cd>SEPA</Cd></SvcLvl></PmtTpInf>"
        f"<ReqdExctnDt><Dt>{EXECUTION_DATE}</Dt></ReqdExctnDt>"
        "<Dbtr><Nm>Demo Trading</Nm></Dbtr>"
        f"<DbtrAcct><Id><IBAN>{DEBTOR_IBAN}</IBAN></Id></DbtrAcct>"
        "<DbtrAgt><FinInstnId><Othr><Id>NOTPROVIDED</Id></Othr></FinInstnId></DbtrAgt>"
        f"<ChrgBr>SLEV</ChrgBr>{body}</PmtInf></CstmrCdtTrfInitn></Document>\n"
    ).encode()


def end_to_end_id(number: int) -> str:
    """The end-to-end id of a line; the two equal salaries share one."""
    return f"DEMO-{number:04d}"


def _line(number: int, *, salary: bool = False) -> tuple[str, int]:
    name, about = _CREDITORS[0 if salary else number % len(_CREDITORS)]
    cents = 2_350_00 if salary else 10_00 + number * 17_31
    account = iban("DE", f"20050000{7_000_000 + number:010d}")
    xml = (
        f"<CdtTrfTxInf><PmtId><EndToEndId>{end_to_end_id(number)}</EndToEndId></PmtId>"
        f'<Amt><InstdAmt Ccy="EUR">{cents // 100}.{cents % 100:02d}</InstdAmt></Amt>'
        f"<Cdtr><Nm>{escape(name)}</Nm></Cdtr>"
        f"<CdtrAcct><Id><IBAN>{account}</IBAN></Id></CdtrAcct>"
        f"<RmtInf><Ustrd>{escape(about)}</Ustrd></RmtInf></CdtTrfTxInf>"
    )
    return xml, cents
