"""The creditor's bank as an order names it: its country, and whether the names can be right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from domain.accounts import AccountError, check_bic
from domain.payments.order import Order, Rail
from regimes.clearing_members import check_member, country_of
from regimes.refusal import Advice, Refusal

#: By the country of an IBAN, other countries whose BICs may go with it: overseas parts, islands,
#: and small states with branches of their neighbours' banks.
_BICS_BESIDE: Final[Mapping[str, frozenset[str]]] = {
    "AD": frozenset({"ES", "FR"}),
    "CH": frozenset({"LI"}),
    "DK": frozenset({"FO", "GL"}),
    "ES": frozenset({"AD"}),
    "FI": frozenset({"AX"}),
    "FR": frozenset({"BL", "GF", "GP", "MC", "MF", "MQ", "NC", "PF", "PM", "RE", "TF", "WF", "YT"}),
    "GB": frozenset({"GG", "GI", "IM", "JE"}),
    "GI": frozenset({"GB"}),
    "IT": frozenset({"SM", "VA"}),
    "LI": frozenset({"CH"}),
    "MC": frozenset({"FR"}),
    "NO": frozenset({"SJ"}),
    "SM": frozenset({"IT"}),
    "VA": frozenset({"IT"}),
}


def bank_country(order: Order) -> str:
    """The country of the creditor's account; "" if nothing tells it.

    It is taken from the IBAN, else from the clearing system, else from the BIC, else from the
    country that the payer states for the bank.
    """
    return country_of_bank(
        iban=order.creditor_account.iban or "",
        system=order.creditor_agent_member.system if order.creditor_agent_member else "",
        bic=order.creditor_agent or "",
        stated=order.creditor_agent_country or "",
    )


def country_of_bank(*, iban: str, system: str, bic: str, stated: str) -> str:
    """The same, from single values; an absent value is empty."""
    by_iban = iban.replace(" ", "").upper()[:2]
    return by_iban or country_of(system) or bic.strip().upper()[4:6] or stated.upper()


def other_country(order: Order) -> str:
    """What is wrong if BIC and IBAN are of different countries; "" if they agree.

    The IBAN leads to the bank, so one of the two was probably copied from somewhere else.
    """
    by_iban = (order.creditor_account.iban or "")[:2].upper()
    by_bic = (order.creditor_agent or "").strip().upper()[4:6]
    if not (by_iban and by_bic) or by_bic == by_iban:
        return ""
    if by_bic in _BICS_BESIDE.get(by_iban, frozenset()):
        return ""
    return f"is of a bank in {by_bic}, and the IBAN of an account in {by_iban}"


def bank_advice(order: Order) -> list[Advice]:
    """Advice if BIC and IBAN are of different countries.

    Over correspondents that may be intended. SEPA refuses it.
    """
    problem = other_country(order)
    if not problem or order.rail is Rail.SEPA_CREDIT_TRANSFER:
        return []
    return [Advice("creditor_agent", f"{problem}; both are sent, make sure that both are right")]


def bank_refusals(order: Order) -> list[Refusal]:
    """The BIC and the number in a clearing have to be well-formed."""
    refusals = []
    if order.creditor_agent is not None:
        try:
            check_bic(order.creditor_agent)
        except AccountError as error:
            refusals.append(Refusal("RC01", "creditor_agent", str(error)))
    if (member := order.creditor_agent_member) is not None:
        try:
            check_member(member.system, member.number)
        except AccountError as error:
            refusals.append(Refusal("RC10", "creditor_agent_member", str(error)))
    return refusals
