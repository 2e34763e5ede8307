"""How a grant changes from one answer of the bank to the next."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from domain.consents.consent import Change
from domain.consents.request import ConsentRequest
from domain.lifecycle.grants import Grant


def merged(before: Grant, shown: Grant) -> Grant:
    """The grant after an answer. What the answer does not say stays as it was."""
    said = {name: value for name, value in shown if value is not None}
    return before.model_copy(update=said)


def changes_of(
    before: Grant, shown: Grant, at: datetime, asked: ConsentRequest | None
) -> list[Change]:
    """How the answer of one moment differs from what was known.

    Args:
        asked: the request, if nothing was granted before. Then the grant is compared with it.
    """
    texts: list[str] = []
    until = before.valid_until or (asked.valid_until if asked is not None else None)
    if shown.valid_until is not None and until is not None and shown.valid_until != until:
        way = "earlier" if shown.valid_until < until else "later"
        texts.append(f"it ends {way}: {shown.valid_until:%Y-%m-%d}, not {until:%Y-%m-%d}")
    known = before.permissions
    if known is None and asked is not None:
        known = tuple(sorted(asked.permissions))
    if shown.permissions is not None and known is not None:
        texts += _differences("permission", known, shown.permissions)
    if shown.accounts is not None and before.accounts is not None:
        texts += _differences(
            "account",
            (each.reference for each in before.accounts),
            (each.reference for each in shown.accounts),
        )
    return [Change(at=at, text=text) for text in texts]


def _differences(what: str, before: Iterable[str], after: Iterable[str]) -> list[str]:
    known, now = set(before), set(after)
    return [
        *(f"{what} {name} was taken out" for name in sorted(known - now)),
        *(f"{what} {name} was added" for name in sorted(now - known)),
    ]
