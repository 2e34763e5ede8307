"""The element table: how every element of a pain.001 is treated.

An element that is not in the table refuses its line, block or file. So no request in a file is
dropped silently, even if a new version brings a new element.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from regimes import sepa
from regimes.rails import SERVICE_LEVELS

#: "Element is not allowed": for elements that we do not carry and that no other code describes.
NOT_ALLOWED: Final = "CH17"
#: "Content is incorrect".
WRONG_CONTENT: Final = "CH16"
#: "Invalid file format": for content that the schema of the file's version refuses.
WRONG_FORM: Final = "FF01"


class Treatment(StrEnum):
    """How an element is treated."""

    CARRIED = "carried"
    """Its value goes to the partner."""
    USED = "used"
    """It decides how, when or from which account we pay, or identifies or verifies the file."""
    NOTICED = "noticed"
    """It has no effect on the money; the submitter is told that it is not passed on."""
    REFUSED = "refused"
    """It asks for something that we do not do."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row. REFUSED and NOTICED apply to an element with all its children."""

    treatment: Treatment
    code: str
    """The reason code if the element is refused or its value is wrong."""
    text: str = ""
    longest: int = 0
    """Length limit in characters if the rail carries fewer than the schema; 0 means no limit."""
    values: frozenset[str] = frozenset()
    """The possible values; empty means any."""
    times_max: int = 1
    is_whole: bool = False
    """Carried as one text, with all its children."""
    is_measured_whole: bool = False
    """Its length is checked for all its occurrences together, since truncation may be allowed."""
    in_sepa: Rule | None = None
    """A second rule, for lines that go by SEPA."""


Table = Mapping[str, Rule]


def _carried(
    code: str = WRONG_CONTENT,
    *,
    longest: int = 0,
    values: str = "",
    times_max: int = 1,
    text: str = "",
    in_sepa: Rule | None = None,
) -> Rule:
    named = frozenset(values.split())
    return Rule(Treatment.CARRIED, code, text, longest, named, times_max, in_sepa=in_sepa)


def _used(
    code: str = WRONG_CONTENT,
    *,
    values: str = "",
    times_max: int = 1,
    text: str = "",
    in_sepa: Rule | None = None,
) -> Rule:
    named = frozenset(values.split())
    return Rule(Treatment.USED, code, text, 0, named, times_max, in_sepa=in_sepa)


def _noticed(text: str, code: str = WRONG_CONTENT) -> Rule:
    return Rule(Treatment.NOTICED, code, text)


def _refused(code: str, text: str) -> Rule:
    return Rule(Treatment.REFUSED, code, text)


def _under(prefix: str, rows: Table) -> Table:
    return {f"{prefix}/{path}": rule for path, rule in rows.items()}


def _address(code: str) -> Table:
    no_field = _noticed("kept with the payment; the partner has no field for it, so it is not sent")
    kept = "Dept SubDept BldgNm Flr PstBx Room TwnLctnNm DstrctNm"
    not_ours = _refused(code, "cannot be carried; move it to the street or to an address line")
    return {
        "AdrTp": _noticed("the type of an address is not sent"),
        "CareOf": not_ours,
        "UnitNb": not_ours,
        **{name: replace(no_field, code=code) for name in kept.split()},
        **{name: _carried(code) for name in ("StrtNm", "BldgNb", "PstCd", "TwnNm", "Ctry")},
        "CtrySubDvsn": _carried(code, in_sepa=_noticed("is not sent by SEPA")),
        # The standard allows seven. The scheme's limit of two depends on a date, checked elsewhere.
        "AdrLine": _carried(code, times_max=7),
    }


def _identified(code: str) -> Table:
    """An identification number of an organisation or person; an order has at most one."""
    whose = "a number counts with its scheme; by whom it was given is not sent"
    return {
        "Othr/Id": _carried(code),
        "Othr/SchmeNm/Cd": _used(code),
        "Othr/SchmeNm/Prtry": _noticed("the partner knows no schemes of others: sent as 'others'"),
        "Othr/Issr": _noticed(whose),
    }


def _party(*, name: str, address: str, identification: str, residence: str) -> Table:
    """A debtor or creditor; the arguments are the reason codes of its parts."""
    in_sepa = f"SEPA carries {sepa.NAME_LENGTH_MAX} characters"
    by_bic = _refused(identification, "a BIC says which bank, not who; give another number")
    birth = "of the birth only the day is sent"
    return {
        "Nm": _carried(
            name,
            in_sepa=_carried(name, longest=sepa.NAME_LENGTH_MAX, text=in_sepa),
        ),
        **_under("PstlAdr", _address(address)),
        "Id": _carried(
            identification,
            in_sepa=_refused(
                identification, "identifications of parties are not sent by SEPA; leave it out"
            ),
        ),
        "Id/OrgId/BICOrBEI": by_bic,
        "Id/OrgId/AnyBIC": by_bic,
        "Id/OrgId/LEI": _carried(identification),
        **_under("Id/OrgId", _identified(identification)),
        "Id/PrvtId/DtAndPlcOfBirth/BirthDt": _carried(identification),
        "Id/PrvtId/DtAndPlcOfBirth/PrvcOfBirth": _noticed(birth),
        "Id/PrvtId/DtAndPlcOfBirth/CityOfBirth": _noticed(birth),
        "Id/PrvtId/DtAndPlcOfBirth/CtryOfBirth": _noticed(birth),
        **_under("Id/PrvtId", _identified(identification)),
        "CtryOfRes": _refused(residence, "the country of residence is not carried; leave it out"),
        "CtctDtls": _noticed("contact details are not sent"),
    }


def _account(code: str, *, number: Rule, ccy: Rule, in_sepa: Rule | None) -> Table:
    return {
        "Id/IBAN": number,
        "Id/Othr": replace(number, in_sepa=in_sepa),
        "Id/Othr/Id": number,
        "Id/Othr/SchmeNm/Cd": _used(code, values="BBAN", text="give the account's own number"),
        "Id/Othr/SchmeNm/Prtry": _refused(code, "give the account's own number, and no scheme"),
        "Id/Othr/Issr": _noticed("who gave the number of an account is not sent"),
        "Ccy": ccy,
        "Nm": _noticed("the name of an account is not sent; the party's name is"),
        "Tp": _noticed("the type of an account is not sent; its number decides"),
        "Prxy": _refused(code, "a proxy cannot be checked against the account; leave it out"),
    }


_PAYMENT_TYPE: Final[Table] = {
    "InstrPrty": _used(
        "FF03",
        values="NORM HIGH",
        in_sepa=_carried(
            "FF03", values="NORM", text="SEPA has one speed; use NORM, or SvcLvl URGP for another"
        ),
    ),
    # Version .09 and later allow several.
    "SvcLvl": _used(times_max=9),
    "SvcLvl/Cd": _used(
        "FF04",
        values=" ".join(sorted(SERVICE_LEVELS)),
        times_max=9,
        text=f"use one of {', '.join(sorted(SERVICE_LEVELS))}, or leave it out",
    ),
    "SvcLvl/Prtry": _refused("FF04", "use Cd, with a code of the ISO 20022 list"),
    "LclInstrm": _refused("FF05", "no local instrument is offered; leave it out"),
    "CtgyPurp/Cd": _noticed("kept with the payment; the partner has no field for it", "FF06"),
    "CtgyPurp/Prtry": _refused("FF06", "use a code of the ISO 20022 list in Cd"),
}

#: Relative to GrpHdr.
GROUP: Final[Table] = {
    "MsgId": _used("FF01"),
    "CreDtTm": _used("DT02"),
    "NbOfTxs": _used("AM19"),
    "CtrlSum": _used("AM16"),
    "InitgPty/Nm": _used("BE21"),
    "InitgPty/Id": Rule(Treatment.USED, "BE15", is_whole=True),
    "InitgPty/PstlAdr": _noticed("the initiating party's address is not sent"),
    "InitgPty/CtryOfRes": _noticed("the initiating party's residence is not sent"),
    "InitgPty/CtctDtls": _noticed("contact details are not sent"),
    "InitnSrc": _noticed("the name of the sending software is not sent"),
    "Authstn": _refused(NOT_ALLOWED, "authorisation is given outside the file; leave it out"),
    "FwdgAgt": _refused("AGNT", "we forward to no other agent; send the file to that agent"),
}


def _debtor() -> Table:
    """The debtor. Nothing of it is sent, because the partner knows the mapped account's holder."""
    party = _party(name="BE20", address="BE07", identification="BE16", residence="BE13")
    known = _noticed("the partner knows the account's holder; this is not sent", "BE16")
    rows = {path: rule for path, rule in party.items() if not path.startswith("Id/")}
    return {
        path: replace(known, code=rule.code, in_sepa=rule.in_sepa, times_max=rule.times_max)
        if path == "Id" or rule.treatment is Treatment.CARRIED
        else rule
        for path, rule in rows.items()
    }


def _ultimate_debtor() -> Table:
    """The party that owes the money, if it is not the account holder: the partner's payer."""
    party = _party(name="RR02", address="RR02", identification="RR02", residence="RR02")
    # SEPA carries one identification number of this party too.
    return {**party, "Id": replace(party["Id"], in_sepa=None)}


_BY_MAPPING = "the account mapped in the settings pays; this is not sent"

#: Relative to PmtInf.
BLOCK: Final[Table] = {
    "PmtInfId": _used("FF01"),
    "PmtMtd": _used("AG03", values="TRF", text="only credit transfers (TRF) are offered"),
    "BtchBookg": _used(values="true false 1 0"),
    "NbOfTxs": _used("AM20"),
    "CtrlSum": _used("AM17"),
    **_under("PmtTpInf", _PAYMENT_TYPE),
    "ReqdExctnDt": _carried("DT01"),
    "ReqdExctnDt/Dt": _carried("DT01"),
    "ReqdExctnDt/DtTm": _noticed("the day is kept, the time of day is not", "DT01"),
    **_under("Dbtr", _debtor()),
    **_under("DbtrAcct", _account("AC02", number=_used("AC02"), ccy=_used("AC10"), in_sepa=None)),
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
    "ChrgBr": _used("BE19"),
    "PoolgAdjstmntDt": _refused(NOT_ALLOWED, "pooling is not offered; leave it out"),
    "ReqdAdvcTp": _refused(NOT_ALLOWED, "no advice is sent; leave it out"),
    "DbtrAgtAcct": _refused(NOT_ALLOWED, "the agent's account is not carried; leave it out"),
    "InstrForDbtrAgt": _refused(NOT_ALLOWED, "instructions to the bank are not carried"),
    **_under("UltmtDbtr", _ultimate_debtor()),
    "ChrgsAcct": _refused(NOT_ALLOWED, "charges go to the paying account; leave it out"),
    "ChrgsAcctAgt": _refused(NOT_ALLOWED, "charges go to the paying account; leave it out"),
}

_BY_NUMBER = "the numbers of account and bank lead to it; this is not sent"
_NAMED_BY = "banks are named by BIC, or by ClrSysMmbId in their country"

#: Relative to CdtTrfTxInf.
LINE: Final[Table] = {
    "PmtId/InstrId": _noticed("kept with the payment; the partner has no field for it"),
    "PmtId/EndToEndId": _noticed(
        "kept with the payment and given to the partner as a reference; the EndToEndId that it "
        "sends to the creditor is its own",
        "FF08",
    ),
    "PmtId/UETR": _noticed("kept with the payment; the partner sends a UETR of its own"),
    **_under("PmtTpInf", _PAYMENT_TYPE),
    "Amt/InstdAmt": _carried("AM12"),
    "Amt/InstdAmt/@Ccy": _carried("AM11"),
    "Amt/EqvtAmt": _refused(
        "AM03", "amounts are not converted; give InstdAmt in the account's currency"
    ),
    "XchgRateInf": _refused(NOT_ALLOWED, "amounts are not converted; leave it out"),
    "ChrgBr": _used("BE19"),
    "MndtRltdInf": _refused(NOT_ALLOWED, "mandates are not carried"),
    "ChqInstr": _refused("AG03", "cheques are not offered"),
    **_under("UltmtDbtr", _ultimate_debtor()),
    **{
        f"IntrmyAgt{number}{part}": _refused(
            "RC11", "the partner chooses the banks between; leave it out"
        )
        for number in (1, 2, 3)
        for part in ("", "Acct")
    },
    "CdtrAgt/FinInstnId/BIC": _carried("RC01"),
    "CdtrAgt/FinInstnId/BICFI": _carried("RC01"),
    "CdtrAgt/FinInstnId/ClrSysMmbId": _carried(
        "RC10", in_sepa=_refused("RC10", "SEPA banks are named by BIC; leave it out")
    ),
    "CdtrAgt/FinInstnId/ClrSysMmbId/ClrSysId/Cd": _used("RC10"),
    "CdtrAgt/FinInstnId/ClrSysMmbId/ClrSysId/Prtry": _refused(
        "RC10", "use a code of the ISO 20022 list in Cd, as USABA"
    ),
    "CdtrAgt/FinInstnId/ClrSysMmbId/MmbId": _carried("RC10"),
    "CdtrAgt/FinInstnId/LEI": _noticed(_BY_NUMBER),
    "CdtrAgt/FinInstnId/Nm": _noticed(_BY_NUMBER),
    **_under(
        "CdtrAgt/FinInstnId/PstlAdr",
        {
            **dict.fromkeys(_address("RC04"), _noticed(_BY_NUMBER)),
            "Ctry": _used("AG06", in_sepa=_noticed(_BY_NUMBER)),
        },
    ),
    "CdtrAgt/FinInstnId/Othr/Id": _used("RC04", values="NOTPROVIDED", text=_NAMED_BY),
    "CdtrAgt/FinInstnId/Othr/SchmeNm": _refused("RC04", _NAMED_BY),
    "CdtrAgt/FinInstnId/Othr/Issr": _refused("RC04", _NAMED_BY),
    "CdtrAgt/BrnchId": _refused("RC04", "the number of the account leads to its branch"),
    "CdtrAgtAcct": _refused(NOT_ALLOWED, "the agent's account is not carried"),
    **_under("Cdtr", _party(name="BE20", address="BE04", identification="BE17", residence="BE14")),
    **_under(
        "CdtrAcct",
        _account(
            "AC03",
            number=_carried("AC03"),
            ccy=_noticed("kept with the payment; the creditor's bank knows its currency", "AC11"),
            in_sepa=_refused("AC03", "SEPA reaches accounts by IBAN only; give the IBAN"),
        ),
    ),
    "UltmtCdtr": _refused(NOT_ALLOWED, "the ultimate creditor is not carried"),
    "InstrForCdtrAgt": _refused(NOT_ALLOWED, "instructions to the bank are not carried"),
    "InstrForDbtrAgt": _refused(NOT_ALLOWED, "instructions to the bank are not carried"),
    "Purp/Cd": _noticed(
        "kept with the payment; sent only where a corridor asks for a purpose", "FF07"
    ),
    "Purp/Prtry": _refused("FF07", "use a code of the ISO 20022 list in Cd"),
    "RgltryRptg": _refused("RR05", "regulatory reporting is not carried"),
    "Tax": _refused("RR06", "tax details are not carried"),
    "RltdRmtInf": _refused("RR07", "remittance sent elsewhere is not carried; use RmtInf/Ustrd"),
    "RmtInf/Ustrd": Rule(Treatment.CARRIED, "RR07", times_max=1000, is_measured_whole=True),
    **{
        f"RmtInf/Strd/{name}": _refused(
            "RR07", "of structured remittance only the creditor's reference is carried; use Ustrd"
        )
        for name in (
            ["RfrdDocInf", "RfrdDocAmt", "Invcr", "Invcee", "TaxRmt", "GrnshmtRmt", "AddtlRmtInf"]
        )
    },
    "RmtInf/Strd/CdtrRefInf/Tp/CdOrPrtry/Cd": _used(
        "RR09", values="SCOR", text="a creditor's reference is of type SCOR"
    ),
    "RmtInf/Strd/CdtrRefInf/Tp/CdOrPrtry/Prtry": _refused(
        "RR09", "a reference of one country is not carried; use SCOR, or Ustrd"
    ),
    "RmtInf/Strd/CdtrRefInf/Tp/Issr": _noticed("who issues references is not sent"),
    "RmtInf/Strd/CdtrRefInf/Ref": _carried("RR09"),
    "SplmtryData": _refused(NOT_ALLOWED, "supplementary data is not carried"),
}
