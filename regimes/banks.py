"""The creditor's bank as an order names it: where it is, and whether its names can be right."""

from __future__ import annotations

from domain.accounts import AccountError, check_bic
from domain.order import Order
from regimes.clearing_members import check_member, country_of
from regimes.refusal import Refusal


def bank_country(order: Order) -> str:
    """Where the creditor's account is; "" where nothing tells it.

    By the IBAN, else the clearing system, the BIC, or what the payer says of the bank.
    """
    return country_told(
        iban=order.creditor_account.iban or "",
        system=order.creditor_agent_member.system if order.creditor_agent_member else "",
        bic=order.creditor_agent or "",
        stated=order.creditor_agent_country or "",
    )


def country_told(*, iban: str, system: str, bic: str, stated: str) -> str:
    """The same of single values; absent ones are empty."""
    by_iban = iban.replace(" ", "").upper()[:2]
    return by_iban or country_of(system) or bic.strip().upper()[4:6] or stated.upper()


def bank_refusals(order: Order) -> list[Refusal]:
    """A BIC and a number in a clearing must look like one, and the clearing be the country's."""
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
