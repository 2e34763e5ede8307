"""Counts and control sums: compares a file's content with what its sender states."""

from __future__ import annotations

import re
from decimal import Context, Decimal, Inexact
from typing import Final

from messages.credit_transfer import FileRefused
from messages.decimals import decimal_of

_COUNT: Final = re.compile(r"\d{1,15}", re.ASCII)
#: More digits than any amount has; a longer amount is not added up.
_DIGITS_MAX: Final = 40
#: Precise enough for an exact sum of 10^15 lines; if not, the trap raises.
_EXACT: Final = Context(prec=100, traps=[Inexact])
_REMEDY: Final = "the file was cut or changed on its way; ask the sender for it again"


class Tally:
    """Counts the lines of a group or block and adds them up, whatever their currency."""

    def __init__(self) -> None:
        self.count = 0
        self.sum = Decimal(0)
        self._unreadable = ""
        """The first amount that is not a decimal, with its place."""
        self._negative = ""
        """The first negative amount, with its place."""

    def add(self, amount: str, place: str) -> None:
        """Add a line. If an amount is not a decimal, the sum cannot be checked.

        Args:
            place: where the line is, for people.
        """
        self.count += 1
        said = f"{amount[:40]!r} of the transfer in {place}"
        written = decimal_of(amount)
        if written is None or written.digits > _DIGITS_MAX:
            self._unreadable = self._unreadable or said
            return
        if written.is_negative:
            self._negative = self._negative or said
        self.sum = _EXACT.add(self.sum, written.value)

    def check_count(self, stated: str, field: str, code: str) -> None:
        """Compare with a NbOfTxs.

        Raises:
            FileRefused: with the code, the counts differ or the stated one is not a number.
        """
        if not _COUNT.fullmatch(stated) or int(stated) != self.count:
            raise FileRefused(
                code, field, f"says {stated[:20]!r}, the file has {self.count} lines; {_REMEDY}"
            )

    def check_sum(self, stated: str, field: str, code: str) -> None:
        """Compare with a CtrlSum.

        Raises:
            FileRefused: AM10, the sums differ or an amount is not a decimal; with the code, the
                stated sum is not a decimal.
        """
        written = decimal_of(stated)
        if written is None:
            raise FileRefused(code, field, f"{stated[:40]!r} is not a decimal number; {_REMEDY}")
        if self._unreadable:
            text = (
                f"cannot be checked, because the amount {self._unreadable} is not a decimal "
                "number; correct it"
            )
            raise FileRefused("AM10", field, text)
        if written.value != self.sum:
            text = f"says {stated}, the lines add up to {self.sum}; {_REMEDY}"
            if self._negative:
                text = (
                    f"says {stated}, the lines add up to {self.sum}, because the amount "
                    f"{self._negative} is negative; give amounts of zero or more"
                )
            raise FileRefused("AM10", field, text)
