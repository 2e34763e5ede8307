"""The bank's accounts, balances and transactions in our words. An unknown word is never guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from domain.account_data.accounts import Balance, BalanceKind, LinkedAccount
from domain.account_data.transactions import Booking, Line, Transaction
from domain.accounts import Account
from domain.card_numbers import shows_card_number
from domain.money import Money, MoneyError
from partners.kit.lines import UnknownWord, day_of, read_lines, text_of, words_of
from partners.obie import data_wire as wire

_K = BalanceKind
#: `OBReadBalance1.Data.Balance.Type` of both versions.
BALANCES: Final[Mapping[str, BalanceKind]] = MappingProxyType(
    {
        "ClosingAvailable": _K.CLAV,
        "ClosingBooked": _K.CLBD,
        # Of cleared balances ISO 20022 knows no code.
        "ClosingCleared": _K.INFO,
        "Expected": _K.XPCD,
        "ForwardAvailable": _K.FWAV,
        "Information": _K.INFO,
        "InterimAvailable": _K.ITAV,
        "InterimBooked": _K.ITBD,
        "InterimCleared": _K.INFO,
        "OpeningAvailable": _K.OPAV,
        "OpeningBooked": _K.OPBD,
        "OpeningCleared": _K.INFO,
        "PreviouslyClosedBooked": _K.PRCD,
        # v4.0.1 has the codes of ISO 20022.
        **{kind.value: kind for kind in _K},
    }
)
#: `OBTransaction6.Status` of both versions. None: no money was moved, so there is no transaction. A
#: pending entry that is rejected vanishes by that.
BOOKINGS: Final[Mapping[str, Booking | None]] = MappingProxyType(
    {
        "Booked": Booking.BOOKED,
        "BOOK": Booking.BOOKED,
        "Pending": Booking.PENDING,
        "PDNG": Booking.PENDING,
        # On the bank's books, with its value at a future moment.
        "FUTR": Booking.PENDING,
        "Rejected": None,
        "RJCT": None,
        # "Only provided for information, and no booking has been performed".
        "INFO": None,
    }
)
#: `OBTransaction6.CreditDebitIndicator`: what an amount, which has no sign, does to the account.
SIGNS: Final[Mapping[str, int]] = MappingProxyType({"Credit": 1, "Debit": -1})
#: `OBAccount6.AccountSubType` of v3.1.11 as ISO 20022 ExternalCashAccountType1Code, which v4.0.1
#: has in `AccountTypeCode`.
KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ChargeCard": "CARD",
        "CreditCard": "CARD",
        "CurrentAccount": "CACC",
        "EMoney": "WALT",
        "Loan": "LOAN",
        "Mortgage": "MORT",
        "PrePaidCard": "CARD",
        "Savings": "SVGS",
        "Wallet": "WALT",
    }
)
_IBAN: Final = "IBAN"
_CARD: Final = "PAN"
#: `OBExternalAccountIdentification4Code`, without cards.
_OF_ACCOUNTS: Final = frozenset({_IBAN, "BBAN", "SortCodeAccountNumber", "Paym"})
_BIC: Final = "BICFI"
_WHOLE_CARD: Final = re.compile(r"\d{12,19}", re.ASCII)
_ISO_CODE: Final = re.compile(r"[A-Z]{4}", re.ASCII)


def accounts(
    shown: Iterable[wire.AccountDetails],
) -> tuple[tuple[LinkedAccount, ...], tuple[str, ...]]:
    """The accounts, and what in them is outside the known contract."""
    found, drift = [], []
    for each in shown:
        word = each.account_sub_type
        kind = each.account_type_code or KINDS.get(word, "")
        if word and not kind:
            drift.append(f"account.AccountSubType: unknown {word[:40]!r}")
        drift += each.drift
        numbers = [(number, named.name) for named in each.account
                   if (number := _number(named.scheme_name, named.identification))]  # fmt: skip
        owners = [named.name for named in each.account if named.name]
        found.append(
            LinkedAccount(
                reference=each.account_id,
                number=numbers[0][0] if numbers else None,
                currency=each.currency,
                name=each.nickname,
                owner=owners[0] if owners else "",
                product=each.description,
                kind=kind,
            )
        )
    return tuple(found), tuple(drift)


def balances(
    shown: Iterable[wire.Balance], account: str
) -> tuple[tuple[Balance, ...], tuple[str, ...]]:
    """The balances of one account that can be read, and the drift of the others."""
    found, drift = [], []
    for place, each in enumerate(shown):
        name = f"balances[{place}]"
        if each.account_id != account:
            drift.append(f"{name}.AccountId: another account's")
            continue
        if (sign := SIGNS.get(each.credit_debit_indicator)) is None:
            drift.append(str(UnknownWord(f"{name}.CreditDebitIndicator",
                                         each.credit_debit_indicator)))  # fmt: skip
            continue
        if (kind := BALANCES.get(each.type)) is None:
            drift.append(str(UnknownWord(f"{name}.Type", each.type)))
        drift += each.drift
        try:
            size = Money.from_wire(each.amount.amount, each.amount.currency)
        except MoneyError:
            drift.append(f"{name}.Amount: not readable")
            continue
        at = each.at
        found.append(
            Balance(
                kind=kind or BalanceKind.INFO,
                amount=Money(minor=sign * size.minor, currency=size.currency),
                day=at.date(),
                changed_at=at if at.tzinfo is not None else None,
                # OpenAPI files: without the field a credit line is not included.
                includes_credit=any(line.included for line in each.credit_line),
            )
        )
    return tuple(found), tuple(drift)


def lines(data: Mapping[str, Any], account: str) -> tuple[tuple[Line, ...], tuple[str, ...]]:
    """The lines of one page, and what could not be read.

    Args:
        account: the bank's id of the account. A line of another one is not taken.
    """
    found, drift = read_lines(
        data.get("Transaction"), "Transaction", partial(_transaction, account=account)
    )
    return tuple(found), tuple(drift)


def _transaction(shown: Mapping[str, Any], account: str) -> Transaction | None:
    if shown["AccountId"] != account:
        raise ValueError("another account's")
    booking = _known(BOOKINGS, shown, "Status")
    if booking is None:
        return None
    sign = _known(SIGNS, shown, "CreditDebitIndicator")
    size = Money.from_wire(text_of(shown["Amount"], "Amount"), text_of(shown["Amount"], "Currency"))
    # Who the other one is follows from the sign: the account itself may be named too.
    side = "Creditor" if sign < 0 else "Debtor"
    other = shown.get(f"{side}Account") or {}
    agent = shown.get(f"{side}Agent") or {}
    merchant = shown.get("MerchantDetails") or {}
    is_bic = text_of(agent, "SchemeName").rpartition(".")[2] == _BIC
    code, own_code = _codes(shown)
    return Transaction(
        amount=Money(minor=sign * size.minor, currency=size.currency),
        booking=booking,
        # OpenAPI files: "unique and immutable". So a pending entry keeps it when it is booked.
        reference=text_of(shown, "TransactionId") or None,
        booked_on=day_of(shown, "BookingDateTime"),
        valued_on=day_of(shown, "ValueDateTime"),
        counterparty=words_of(other, "Name") or words_of(merchant, "MerchantName"),
        counterparty_account=_number(
            text_of(other, "SchemeName"), text_of(other, "Identification")
        ),
        counterparty_agent=text_of(agent, "Identification") if is_bic else "",
        remittance_information=words_of(shown, "TransactionInformation"),
        code=code,
        own_code=own_code,
        purpose=text_of(shown, "PaymentPurposeCode"),
    )


def _known(table: Mapping[str, Any], shown: Mapping[str, Any], name: str) -> Any:
    """Our word for the bank's.

    Raises:
        UnknownWord: there is none.
    """
    word = text_of(shown, name)
    if word not in table:
        raise UnknownWord(name, word)
    return table[word]


def _codes(shown: Mapping[str, Any]) -> tuple[str, str]:
    """The ISO 20022 code, and the bank's own. v3.1.11 has words of its own instead of ISO's."""
    code = shown.get("BankTransactionCode") or {}
    parts = (text_of(code, "Code"), text_of(code, "SubCode"))
    named = "-".join(part for part in parts if part)
    own = text_of(shown.get("ProprietaryBankTransactionCode") or {}, "Code")
    is_iso = all(_ISO_CODE.fullmatch(part) for part in parts)
    return (named, own) if is_iso else ("", own or named)


def _number(scheme: str, number: str) -> Account | None:
    """An account. The number of a card is never kept, whatever the bank calls its scheme."""
    kind = scheme.rpartition(".")[2]
    if kind == _CARD:
        is_card = _WHOLE_CARD.fullmatch(re.sub(r"[\W_]", "", number)) is not None
    else:
        # A number of these schemes may have as many digits as a card's, and its check digit.
        is_card = kind not in _OF_ACCOUNTS and shows_card_number(number)
    if not number or is_card:
        return None
    return Account(iban=number) if kind == _IBAN else Account(other=number)
