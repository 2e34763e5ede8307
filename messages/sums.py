"""Counts and control sums: does a file hold what its sender says it holds?"""

from __future__ import annotations

import re
from decimal import Context, Decimal, Inexact
from typing import Final

from messages.credit_transfer import FileRefused

_COUNT: Final = re.compile(r"\d{1,15}", re.ASCII)
_DECIMAL: Final = re.compile(r"[+-]?(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})", re.ASCII)
#: Wide enough that 15 digits of lines add up exactly, and a trap should that be wrong.
_EXACT: Final = Context(prec=100, traps=[Inexact])
_REMEDY: Final = "the file was cut or changed on its way; ask the sender for it again"


class Tally:
    """The lines of a group or block, counted and added up whatever their currency."""

    def __init__(self) -> None:
        self.count = 0
        self.sum = Decimal(0)
        self._unreadable = 0

    def add(self, amount: str) -> None:
        """One line more. An amount that is no decimal leaves the sum unprovable."""
        self.count += 1
        if _DECIMAL.fullmatch(amount):
            self.sum = _EXACT.add(self.sum, Decimal(amount))
        else:
            self._unreadable += 1

    def check_count(self, stated: str, field: str, code: str) -> None:
        """Compare with a NbOfTxs.

        Raises:
            FileRefused: with the code, they differ or it is no number.
        """
        if not _COUNT.fullmatch(stated) or int(stated) != self.count:
            raise FileRefused(
                code, field, f"says {stated[:20]!r}, the file has {self.count} lines; {_REMEDY}"
            )

    def check_sum(self, stated: str, field: str, code: str) -> None:
        """Compare with a CtrlSum.

        Raises:
            FileRefused: AM10, they differ; with the code, it is no decimal.
        """
        if not _DECIMAL.fullmatch(stated):
            raise FileRefused(code, field, f"{stated[:40]!r} is no decimal; {_REMEDY}")
        if self._unreadable:
            text = f"cannot be checked, {self._unreadable} amounts are no decimals; {_REMEDY}"
            raise FileRefused("AM10", field, text)
        if Decimal(stated) != self.sum:
            text = f"says {stated}, the lines add up to {self.sum}; {_REMEDY}"
            raise FileRefused("AM10", field, text)
