"""Checks an account number against its country's structure (ISO 13616 IBAN registry)."""

from __future__ import annotations

from schwifty import IBAN
from schwifty.exceptions import SchwiftyException

from domain.accounts import AccountError, check_iban
from regimes.refusal import Refusal


def check_account(iban: str) -> str:
    """The IBAN without spaces, in capitals.

    Checks shape, check digits, and the country's length and structure. A country's own check
    digits and the existence of the bank are not checked, because their registries lag.

    Raises:
        AccountError: not an IBAN of its country. The text shows the last four characters only.
    """
    number = check_iban(iban)
    try:
        IBAN(number)
    except SchwiftyException as error:
        # The library's texts may contain the whole number.
        raise AccountError(
            f"IBAN ending {number[-4:]!r} does not have the length and structure of an account in "
            f"{number[:2]}; ask its owner to repeat it"
        ) from error.with_traceback(None)
    return number


def creditor_iban_refusals(iban: str) -> list[Refusal]:
    """The reasons to refuse the IBAN of a creditor."""
    try:
        check_account(iban)
    except AccountError as error:
        return [Refusal("AC03", "creditor_account", str(error))]
    return []
