"""The element table: what becomes of every element of a pain.001.

An element that is not in it refuses the line, block or file it stands in. So nothing that
somebody asked for is dropped in silence, in whatever version a new element appears.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from regimes.sepa import NAME_LENGTH_MAX, REFERENCE_LENGTH_MAX, REMITTANCE_LENGTH_MAX

#: "Element is not allowed": for what we do not carry and no other code describes.
NOT_ALLOWED: Final = "CH17"
#: "Content is incorrect".
WRONG_CONTENT: Final = "CH16"


class Fate(StrEnum):
    """What becomes of an element."""

    CARRIED = "carried"
    """Its value goes with the payment."""
    NOTICED = "noticed"
    """It changes nothing of the money; the submitter is told that it goes no further."""
    REFUSED = "refused"
    """It asks for something that we would not do."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row. A refused or noticed element is so with all its children."""

    fate: Fate
    code: str
    """When refused, or when the value is not as it must be."""
    text: str = ""
    longest: int = 0
    """In characters; 0 is any."""
    values: frozenset[str] = frozenset()
    """Those that are carried; none is any."""
    times_max: int = 1
    is_whole: bool = False
    """Carried as one text, with all its children."""


Table = Mapping[str, Rule]


def _carried(
    code: str = WRONG_CONTENT,
    *,
    longest: int = 0,
    values: str = "",
    times_max: int = 1,
    text: str = "",
) -> Rule:
    return Rule(Fate.CARRIED, code, text, longest, frozenset(values.split()), times_max)


def _noticed(text: str, code: str = WRONG_CONTENT, *, longest: int = 0) -> Rule:
    return Rule(Fate.NOTICED, code, text, longest)


def _refused(code: str, text: str) -> Rule:
    return Rule(Fate.REFUSED, code, text)


def _under(prefix: str, rows: Table) -> Table:
    return {f"{prefix}/{path}": rule for path, rule in rows.items()}


def _address(code: str) -> Table:
    texts = (
        "Dept SubDept StrtNm BldgNb BldgNm Flr PstBx Room PstCd TwnNm TwnLctnNm DstrctNm "
        "CtrySubDvsn Ctry"
    )
    not_ours = _refused(code, "cannot be carried; move it to the street or to an address line")
    return {
        "AdrTp": _noticed("the type of an address is not sent"),
        "CareOf": not_ours,
        "UnitNb": not_ours,
        **{name: _carried(code, longest=140) for name in texts.split()},
        # The scheme's limit of two is judged with its date; the standard's is seven.
        "AdrLine": _carried(code, longest=70, times_max=7),
    }


def _party(*, name: str, address: str, identification: str, residence: str) -> Table:
    """A debtor or creditor; the arguments are the codes of its parts."""
    return {
        "Nm": _carried(
            name, longest=NAME_LENGTH_MAX, text=f"SEPA carries {NAME_LENGTH_MAX} characters"
        ),
        **_under("PstlAdr", _address(address)),
        "Id": _refused(identification, "identifications of parties are not carried; leave it out"),
        "CtryOfRes": _refused(residence, "the country of residence is not carried; leave it out"),
        "CtctDtls": _noticed("contact details are not sent"),
    }


def _account(code: str, currency: str) -> Table:
    return {
        "Id/IBAN": _carried(code, longest=42),
        "Id/Othr": _refused(code, "SEPA reaches accounts by IBAN only; give the IBAN"),
        "Ccy": _carried(currency, longest=3),
        "Nm": _noticed("the name of an account is not sent; the party's name is"),
        "Tp": _noticed("the type of an account is not sent; the IBAN decides"),
        "Prxy": _refused(code, "a proxy cannot be checked against the IBAN; leave it out"),
    }


_PAYMENT_TYPE: Final[Table] = {
    "InstrPrty": _carried("FF03", values="NORM", text="SEPA has one speed; use NORM"),
    # Version .09 and later allow several.
    "SvcLvl": _carried(times_max=9),
    "SvcLvl/Cd": _carried(
        "FF04", values="SEPA", times_max=9, text="only the SEPA credit transfer is offered"
    ),
    "SvcLvl/Prtry": _refused("FF04", "only the SEPA credit transfer is offered; use Cd SEPA"),
    "LclInstrm": _refused("FF05", "no local instrument is offered; leave it out"),
    "CtgyPurp/Cd": _carried("FF06", longest=4),
    "CtgyPurp/Prtry": _refused("FF06", "use a code of the ISO 20022 list in Cd"),
}

#: Relative to GrpHdr.
GROUP: Final[Table] = {
    "MsgId": _carried("FF01", longest=REFERENCE_LENGTH_MAX),
    "CreDtTm": _carried("DT02"),
    "NbOfTxs": _carried("AM19"),
    "CtrlSum": _carried("AM16"),
    "InitgPty/Nm": _carried("BE21", longest=140),
    "InitgPty/Id": Rule(Fate.CARRIED, "BE15", is_whole=True),
    "InitgPty/PstlAdr": _noticed("the initiating party's address is not sent"),
    "InitgPty/CtryOfRes": _noticed("the initiating party's residence is not sent"),
    "InitgPty/CtctDtls": _noticed("contact details are not sent"),
    "InitnSrc": _noticed("the name of the sending software is not sent"),
    "Authstn": _refused(NOT_ALLOWED, "authorisation is given outside the file; leave it out"),
    "FwdgAgt": _refused("AGNT", "we forward to no other agent; send the file to that agent"),
}

_BY_MAPPING = "the account mapped in the settings pays; this is not sent"

#: Relative to PmtInf.
BLOCK: Final[Table] = {
    "PmtInfId": _carried("FF01", longest=REFERENCE_LENGTH_MAX),
    "PmtMtd": _carried("AG03", values="TRF", text="only credit transfers (TRF) are offered"),
    "BtchBookg": _carried(values="true false 1 0"),
    "NbOfTxs": _carried("AM20"),
    "CtrlSum": _carried("AM17"),
    **_under("PmtTpInf", _PAYMENT_TYPE),
    "ReqdExctnDt": _carried("DT01"),
    "ReqdExctnDt/Dt": _carried("DT01"),
    "ReqdExctnDt/DtTm": _noticed("the day is kept, the time of day is not", "DT01"),
    **_under("Dbtr", _party(name="BE20", address="BE07", identification="BE16", residence="BE13")),
    **_under("DbtrAcct", _account("AC02", "AC10")),
    "DbtrAgt/FinInstnId/BIC": _noticed(_BY_MAPPING, "RC01"),
    "DbtrAgt/FinInstnId/BICFI": _noticed(_BY_MAPPING, "RC01"),
    "DbtrAgt/FinInstnId/ClrSysMmbId": _noticed(_BY_MAPPING),
    "DbtrAgt/FinInstnId/LEI": _noticed(_BY_MAPPING),
    "DbtrAgt/FinInstnId/Nm": _noticed(_BY_MAPPING),
    "DbtrAgt/FinInstnId/PstlAdr": _noticed(_BY_MAPPING),
    "DbtrAgt/FinInstnId/Othr/Id": _noticed(_BY_MAPPING),
    "DbtrAgt/FinInstnId/Othr/SchmeNm": _noticed(_BY_MAPPING),
    "DbtrAgt/FinInstnId/Othr/Issr": _noticed(_BY_MAPPING),
    "DbtrAgt/BrnchId": _noticed(_BY_MAPPING),
    "ChrgBr": _carried("BE19", longest=4),
    "PoolgAdjstmntDt": _refused(NOT_ALLOWED, "pooling is not offered; leave it out"),
    "ReqdAdvcTp": _refused(NOT_ALLOWED, "no advice is sent; leave it out"),
    "DbtrAgtAcct": _refused(NOT_ALLOWED, "the agent's account is not carried; leave it out"),
    "InstrForDbtrAgt": _refused(NOT_ALLOWED, "instructions to the bank are not carried"),
    "UltmtDbtr": _refused(NOT_ALLOWED, "the ultimate debtor is not carried"),
    "ChrgsAcct": _refused(NOT_ALLOWED, "charges go to the paying account; leave it out"),
    "ChrgsAcctAgt": _refused(NOT_ALLOWED, "charges go to the paying account; leave it out"),
}

_BY_IBAN = "the IBAN and the BIC lead to the bank; this is not sent"

#: Relative to CdtTrfTxInf.
LINE: Final[Table] = {
    "PmtId/InstrId": _carried(longest=REFERENCE_LENGTH_MAX),
    "PmtId/EndToEndId": _noticed(
        "kept with the payment; the partner sends a reference of its own to the creditor",
        "FF08",
        longest=REFERENCE_LENGTH_MAX,
    ),
    "PmtId/UETR": _noticed("kept with the payment; the partner sends a UETR of its own"),
    **_under("PmtTpInf", _PAYMENT_TYPE),
    "Amt/InstdAmt": _carried("AM12"),
    "Amt/InstdAmt/@Ccy": _carried("AM11", longest=3),
    "Amt/EqvtAmt": _refused("AM03", "amounts are not converted; give InstdAmt in EUR"),
    "XchgRateInf": _refused(NOT_ALLOWED, "amounts are not converted; leave it out"),
    "ChrgBr": _carried("BE19", longest=4),
    "MndtRltdInf": _refused(NOT_ALLOWED, "mandates are not carried"),
    "ChqInstr": _refused("AG03", "cheques are not offered"),
    "UltmtDbtr": _refused(NOT_ALLOWED, "the ultimate debtor is not carried"),
    **{
        f"IntrmyAgt{number}{part}": _refused("RC11", "intermediary agents are not used in SEPA")
        for number in (1, 2, 3)
        for part in ("", "Acct")
    },
    "CdtrAgt/FinInstnId/BIC": _carried("RC01", longest=11),
    "CdtrAgt/FinInstnId/BICFI": _carried("RC01", longest=11),
    "CdtrAgt/FinInstnId/ClrSysMmbId": _refused("RC10", "SEPA banks are named by BIC"),
    "CdtrAgt/FinInstnId/LEI": _noticed(_BY_IBAN),
    "CdtrAgt/FinInstnId/Nm": _noticed(_BY_IBAN),
    "CdtrAgt/FinInstnId/PstlAdr": _noticed(_BY_IBAN),
    "CdtrAgt/FinInstnId/Othr/Id": _carried(
        "RC04", values="NOTPROVIDED", text="SEPA banks are named by BIC"
    ),
    "CdtrAgt/FinInstnId/Othr/SchmeNm": _refused("RC04", "SEPA banks are named by BIC"),
    "CdtrAgt/FinInstnId/Othr/Issr": _refused("RC04", "SEPA banks are named by BIC"),
    "CdtrAgt/BrnchId": _refused("RC04", "SEPA banks are named by BIC"),
    "CdtrAgtAcct": _refused(NOT_ALLOWED, "the agent's account is not carried"),
    **_under("Cdtr", _party(name="BE20", address="BE04", identification="BE17", residence="BE14")),
    **_under("CdtrAcct", _account("AC03", "AC11")),
    "UltmtCdtr": _refused(NOT_ALLOWED, "the ultimate creditor is not carried"),
    "InstrForCdtrAgt": _refused(NOT_ALLOWED, "instructions to the bank are not carried"),
    "InstrForDbtrAgt": _refused(NOT_ALLOWED, "instructions to the bank are not carried"),
    "Purp/Cd": _carried("FF07", longest=4),
    "Purp/Prtry": _refused("FF07", "use a code of the ISO 20022 list in Cd"),
    "RgltryRptg": _refused("RR05", "regulatory reporting is not carried"),
    "Tax": _refused("RR06", "tax details are not carried"),
    "RltdRmtInf": _refused("RR07", "remittance sent elsewhere is not carried; use RmtInf/Ustrd"),
    "RmtInf/Ustrd": _carried("RR07", longest=REMITTANCE_LENGTH_MAX, times_max=9),
    "RmtInf/Strd": _refused("RR07", "structured remittance is not carried; use RmtInf/Ustrd"),
    "SplmtryData": _refused(NOT_ALLOWED, "supplementary data is not carried"),
}
