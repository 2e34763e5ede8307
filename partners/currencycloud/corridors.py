"""What a corridor asks of the beneficiary: their reference table, and who satisfies it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from domain.answers import Unprepared
from domain.clock import Clock
from domain.order import ChargeBearer, Order, Rail
from partners.currencycloud import creditors, refusals, wire
from partners.currencycloud.calls import Calls, NoReply

_DETAILS: Final = "/v2/reference/beneficiary_required_details"
#: Ours: corridors change a few times a year, and a create that finds one changed is refused in
#: words, so an hour-old answer costs nothing.
_AGE_MAX: Final = timedelta(hours=1)
_KEPT_MAX: Final = 1_000

#: Names that their reference has for what a beneficiary's form calls otherwise.
_ACCOUNT: Final = "acct_number"
_ROUTING_TYPES: Final = frozenset(
    {
        "aba",
        "bank_code",
        "branch_code",
        "bsb_code",
        "clabe",
        "cnaps",
        "ifsc",
        "institution_no",
        "sort_code",
    }
)
#: What of the order tells a required field, for who has to mend it.
_TOLD_BY: Final[Mapping[str, str]] = {
    _ACCOUNT: "creditor_account",
    "iban": "creditor_account",
    "clabe": "creditor_account",
    "bic_swift": "creditor_agent",
    "beneficiary_entity_type": "creditor.kind",
    "beneficiary_company_name": "creditor.name",
    "beneficiary_first_name": "creditor.name",
    "beneficiary_last_name": "creditor.name",
    "beneficiary_address": "creditor.address.street_name",
    "beneficiary_city": "creditor.address.town_name",
    "beneficiary_country": "creditor.address.country",
    "beneficiary_postcode": "creditor.address.post_code",
    "beneficiary_state_or_province": "creditor.address.country_sub_division",
    "beneficiary_date_of_birth": "creditor.birth_date",
    **dict.fromkeys(_ROUTING_TYPES - {"clabe"}, "creditor_agent_member"),
}

#: Where `purpose_code` is mandatory (reference, POST /payments/create): local payments in these
#: currencies, ...
_PURPOSE_OF_LOCAL: Final = frozenset({"INR", "MYR"})
#: ... SWIFT payments in this one, ...
_PURPOSE_OF_SWIFT: Final = frozenset({"CNY"})
#: ... and SWIFT payments in any currency to banks in Bahrain and the United Arab Emirates.
_PURPOSE_COUNTRIES: Final = frozenset({"AE", "BH"})

#: Who bears the charges -> their `charge_type`, of SWIFT payments only; "" leaves it to what the
#: account has agreed on, which is what SLEV means.
_CHARGES: Final[Mapping[ChargeBearer, str]] = {
    ChargeBearer.DEBT: "ours",
    ChargeBearer.SHAR: "shared",
    ChargeBearer.SLEV: "",
}
_LOCAL_CHARGES: Final = frozenset({ChargeBearer.SHAR, ChargeBearer.SLEV})


class Unfit(NamedTuple):
    """Why an order cannot take its corridor."""

    code: str
    """ISO 20022 ExternalStatusReason1Code."""
    why: str


@dataclass(frozen=True)
class _Kept:
    asked_at: datetime
    alternatives: tuple[Mapping[str, str], ...]


class Corridors:
    """Asks once an hour for each corridor; remembers nothing that money depends on."""

    def __init__(self, calls: Calls, clock: Clock) -> None:
        self._calls = calls
        self._clock = clock
        self._kept: dict[tuple[str, ...], _Kept] = {}

    async def unfit(self, order: Order) -> Unfit | Unprepared | None:
        """Why the creditor cannot be paid over the corridor; None where they can.

        Unprepared: they did not tell what it asks for.
        """
        query = _question(order)
        corridor = tuple(query.values())
        kept = self._kept.get(corridor)
        if kept is None or self._clock.now() - kept.asked_at >= _AGE_MAX:
            asked = await self._ask(query)
            if isinstance(asked, (Unfit, Unprepared)):
                return asked
            kept = self._keep(corridor, asked)
        return unfit_for(order, kept.alternatives)

    async def _ask(self, query: Mapping[str, str]) -> _Kept | Unfit | Unprepared:
        reply = await self._calls.get(_DETAILS, query)
        if isinstance(reply, NoReply):
            return Unprepared(reply.why, retry_at=reply.try_at, exchange=reply.exchange)
        if not reply.is_success:
            refusal = wire.read_refusal(reply.body)
            if reply.status == 400 and refusal:
                return Unfit(refusals.reason_code(refusal), refusal.text)
            return Unprepared(
                reply.why, retry_at=reply.retry_at(self._clock.now()), exchange=reply.exchange
            )
        details = wire.read_required_details(reply.body)
        if isinstance(details, wire.Unusable):
            why = f"an answer outside the known contract: {'; '.join(details.drift)}"
            return Unprepared(why, exchange=reply.exchange)
        return _Kept(reply.asked_at, details)

    def _keep(self, corridor: tuple[str, ...], asked: _Kept) -> _Kept:
        if len(self._kept) >= _KEPT_MAX:
            del self._kept[next(iter(self._kept))]
        self._kept[corridor] = asked
        return asked


def unfit_for(order: Order, alternatives: Iterable[Mapping[str, str]]) -> Unfit | None:
    """Why the order satisfies none of the corridor's alternatives; of the nearest one."""
    payment_type = creditors.PAYMENT_TYPE[order.rail]
    given = _given(order)
    nearest: list[tuple[str, str]] | None = None
    for alternative in alternatives:
        if alternative.get("payment_type") != payment_type:
            continue
        lacking = [
            (name, "missing" if name not in given else "not as they take it")
            for name, rule in alternative.items()
            if name != "payment_type" and not _satisfies(given.get(name), name, rule)
        ]
        if not lacking:
            return None
        if nearest is None or len(lacking) < len(nearest):
            nearest = lacking
    corridor = f"{order.instructed_amount.currency} to {creditors.bank_country(order)}"
    if nearest is None:
        return Unfit("AG03", f"they make no {payment_type} payments in {corridor}")
    told = "; ".join(
        f"{_TOLD_BY.get(name, 'creditor')}: {name} is {problem}" for name, problem in nearest
    )
    return Unfit(
        _code(nearest[0][0]), f"{payment_type} payments in {corridor} ask for more: {told}"
    )


def charge_type(order: Order) -> str | Unfit:
    """Their `charge_type`; "" where none is to be sent."""
    bearer = order.charge_bearer
    if order.rail is not Rail.CROSS_BORDER:
        if order.rail is Rail.DOMESTIC and bearer not in _LOCAL_CHARGES:
            return Unfit("BE19", f"charge_bearer: {bearer} is not possible locally; use SLEV")
        return ""
    known = _CHARGES.get(bearer)
    if known is None:
        return Unfit("BE19", f"charge_bearer: they have no {bearer}; use SHAR or DEBT")
    return known


def purpose_code(order: Order) -> str | Unfit:
    """Their `purpose_code`, sent where the corridor demands one; "" elsewhere."""
    currency = order.instructed_amount.currency
    is_needed = (order.rail is Rail.DOMESTIC and currency in _PURPOSE_OF_LOCAL) or (
        order.rail is Rail.CROSS_BORDER
        and (currency in _PURPOSE_OF_SWIFT or creditors.bank_country(order) in _PURPOSE_COUNTRIES)
    )
    if not is_needed:
        return ""
    if order.purpose is None:
        where = f"{currency} to {creditors.bank_country(order)}"
        return Unfit("CH21", f"purpose: payments in {where} need a purpose code of theirs")
    return order.purpose


def _question(order: Order) -> dict[str, str]:
    address = order.creditor.address
    country = creditors.bank_country(order)
    query = {
        "currency": order.instructed_amount.currency,
        "bank_account_country": country,
        # They want one; of a creditor without address the bank's is the nearest.
        "beneficiary_country": (address.country if address else None) or country,
    }
    return query | ({"on_behalf_of": order.on_behalf_of} if order.on_behalf_of else {})


def _given(order: Order) -> dict[str, str]:
    """What the order has, by the names of their reference."""
    fields = creditors.bank_details(order)
    given = {name: value for name, value in fields.items() if name in _TOLD_BY}
    if number := fields.get("account_number"):
        given[_ACCOUNT] = number
    for place in ("1", "2"):
        if kind := fields.get(f"routing_code_type_{place}"):
            given[kind] = fields[f"routing_code_value_{place}"]
    return given


def _satisfies(value: str | None, name: str, rule: str) -> bool:
    if value is None:
        return False
    if name == "beneficiary_entity_type":
        return value == rule
    try:
        # Ruby's anchor for the very end is Python's \Z.
        return re.search(rule.replace(r"\z", r"\Z"), value) is not None
    except re.error:
        # A rule that cannot be read is theirs to apply.
        return True


def _code(name: str) -> str:
    if name == _ACCOUNT:
        return "AC03"
    if name in _ROUTING_TYPES:
        return "RC10"
    return refusals.BENEFICIARY_FIELD.get(name, "RR03")
