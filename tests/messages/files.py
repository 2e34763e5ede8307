"""Credit transfer files for tests, written by hand so that they can be wrong on purpose."""

from __future__ import annotations

from dataclasses import dataclass, field

DEBTOR = "DE87200500001234567890"
CREDITOR = "DE21500500009876543210"

PARTY = "<Cdtr><Nm>Creditor Name</Nm></Cdtr>"
ACCOUNT = f"<CdtrAcct><Id><IBAN>{CREDITOR}</IBAN></Id></CdtrAcct>"
END_TO_END = "<PmtId><EndToEndId>E-1</EndToEndId></PmtId>"


def nested(path: str, text: str = "") -> str:
    """Elements one in the other, named as in a path, with a text in the innermost."""
    names = path.split("/")
    closing = "".join(f"</{name}>" for name in reversed(names))
    return "".join(f"<{name}>" for name in names) + text + closing


def transfer(
    amount: str = "10.00",
    *,
    currency: str = "EUR",
    ids: str = END_TO_END,
    kind: str = "",
    money: str | None = None,
    before: str = "",
    agent: str = "<CdtrAgt><FinInstnId><BICFI>SPUEDE2UXXX</BICFI></FinInstnId></CdtrAgt>",
    creditor: str = PARTY,
    account: str = ACCOUNT,
    after: str = "",
) -> str:
    """One CdtTrfTxInf; every part can be given as XML of its own."""
    money = f'<Amt><InstdAmt Ccy="{currency}">{amount}</InstdAmt></Amt>' if money is None else money
    return f"<CdtTrfTxInf>{ids}{kind}{money}{before}{agent}{creditor}{account}{after}</CdtTrfTxInf>"


@dataclass
class Block:
    """One PmtInf."""

    lines: list[str] = field(default_factory=lambda: [transfer()])
    name: str = "BLOCK-1"
    method: str = "TRF"
    sums: str = ""
    day: str = "<ReqdExctnDt><Dt>2026-11-25</Dt></ReqdExctnDt>"
    debtor: str = "<Dbtr><Nm>Debtor Name</Nm></Dbtr>"
    account: str = f"<DbtrAcct><Id><IBAN>{DEBTOR}</IBAN></Id></DbtrAcct>"
    agent: str = "<DbtrAgt><FinInstnId><Othr><Id>NOTPROVIDED</Id></Othr></FinInstnId></DbtrAgt>"
    before_day: str = ""
    after_agent: str = ""

    def xml(self) -> str:
        return (
            f"<PmtInf><PmtInfId>{self.name}</PmtInfId><PmtMtd>{self.method}</PmtMtd>{self.sums}"
            f"{self.before_day}{self.day}{self.debtor}{self.account}{self.agent}"
            f"{self.after_agent}{''.join(self.lines)}</PmtInf>"
        )


def pain001(
    *blocks: Block,
    version: str = "pain.001.001.09",
    message_id: str = "MSG-1",
    created: str = "<CreDtTm>2026-11-23T09:00:00Z</CreDtTm>",
    count: str | None = None,
    control_sum: str = "",
    initiating_party: str = "<InitgPty><Nm>Initiator</Nm></InitgPty>",
    header: str = "",
    trailer: str = "",
    before: str = '<?xml version="1.0" encoding="UTF-8"?>\n',
) -> bytes:
    """A whole file; its count is right unless another is given."""
    blocks = blocks or (Block(),)
    lines = sum(len(block.lines) for block in blocks)
    sums = f"<NbOfTxs>{lines if count is None else count}</NbOfTxs>{control_sum}"
    return (
        f'{before}<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{version}"><CstmrCdtTrfInitn>'
        f"<GrpHdr><MsgId>{message_id}</MsgId>{created}{sums}{initiating_party}{header}</GrpHdr>\n"
        f"{''.join(block.xml() for block in blocks)}{trailer}</CstmrCdtTrfInitn></Document>\n"
    ).encode()


def of(line: str) -> bytes:
    """A file with this one line."""
    return pain001(Block([line]))
