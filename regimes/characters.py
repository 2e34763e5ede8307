"""Which characters a rail carries, and how references may be written.

EPC132-08 (customer-to-PSP guidelines) and EPC217-08 (best practices for the character set): banks
carry the letters, digits and signs of `_BASIC`. A reference does not begin or end with a slash, and
has no two slashes in a row. SWIFT's CBPR+ has the same set, and the same rule for slashes.

Other letters of Latin alphabets and other common signs are often carried and sometimes replaced, so
the payer gets advice only. Other scripts are refused, because they would arrive unreadable.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from domain.party import Party
from domain.payments.order import Order, Rail
from regimes.refusal import Advice, Refusal

_BASIC: Final = re.compile(r"[A-Za-z0-9/\-?:().,'+ ]*", re.ASCII)
#: Signs outside ASCII that programs put into texts in Latin alphabets.
_COMMON: Final = frozenset("€£§°´`’‘‚“”„–—…·ªº«»¡¿")
#: The rails that these rules apply to; each local clearing has its own.
_RAILS: Final = frozenset({Rail.SEPA_CREDIT_TRANSFER, Rail.CROSS_BORDER})


def character_refusals(order: Order) -> list[Refusal]:
    """Refusals of texts that the rail cannot carry, and of references that it does not take."""
    if order.rail not in _RAILS:
        return []
    refusals = []
    for field, text in _texts(order):
        if strange := [letter for letter in dict.fromkeys(text) if not _is_latin(letter)]:
            said = (
                f"holds {_named(strange)}, the rail carries Latin letters only (EPC217-08); write "
                "it in Latin letters"
            )
            refusals.append(Refusal("RR10", field, said))
    for field in ("end_to_end_id", "instruction_id", "creditor_reference"):
        reference = getattr(order, field) or ""
        if reference.startswith("/") or reference.endswith("/") or "//" in reference:
            said = (
                "begins or ends with a slash or holds two in a row, which references may not "
                "(EPC132-08); leave these slashes out"
            )
            refusals.append(Refusal("CH16", field, said))
    return refusals


def character_advice(order: Order) -> list[Advice]:
    """Advice about texts that may arrive changed."""
    if order.rail not in _RAILS:
        return []
    found = []
    for field, text in _texts(order):
        if not _BASIC.fullmatch(text):
            odd = [letter for letter in dict.fromkeys(text) if not _BASIC.fullmatch(letter)]
            said = f"{_named(odd)} may be replaced on the way: not every bank carries them"
            found.append(Advice(field, f"{said} (EPC217-08)"))
    return found


def _texts(order: Order) -> Iterator[tuple[str, str]]:
    """The texts of an order that reach the creditor's bank, by field."""
    yield from _party("creditor", order.creditor)
    if order.ultimate_debtor is not None:
        yield from _party("ultimate_debtor", order.ultimate_debtor)
    yield "remittance_information", order.remittance_information
    yield "creditor_reference", order.creditor_reference or ""
    yield "end_to_end_id", order.end_to_end_id


def _party(field: str, party: Party) -> Iterator[tuple[str, str]]:
    yield f"{field}.name", party.name
    if party.address is not None:
        texts = party.address.model_dump(exclude_none=True, exclude={"address_lines"}).values()
        yield f"{field}.address", " ".join((*texts, *party.address.address_lines))


def _is_latin(letter: str) -> bool:
    if letter.isascii() or letter in _COMMON:
        return True
    name = unicodedata.name(letter, "")
    # A combining mark belongs to the letter before it, as when "ü" is written as two characters.
    return name.startswith("LATIN ") or unicodedata.category(letter) == "Mn"


def _named(letters: list[str]) -> str:
    shown = ", ".join(f"{letter!r}" if letter.isprintable() else f"U+{ord(letter):04X}"
                      for letter in letters[:5])  # fmt: skip
    return f"{shown} and others" if len(letters) > 5 else shown
