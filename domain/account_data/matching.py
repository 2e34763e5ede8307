"""Which booked transaction a pending one has become.

A pending line vanishes from the list, and at that time or days later a booked one appears: with
other dates, often with other texts, sometimes with another amount (a hotel, a petrol pump). Nothing
in the standards links the two. So the rules below go from the surest to the weakest, and a match is
made only with lines that were not there while the pending one was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final

from domain.account_data.transactions import Transaction

#: How long after it vanished a pending transaction may be booked. Our own choice: card schemes
#: present most purchases within a week.
BOOKED_WITHIN: Final = timedelta(days=10)

Key = Callable[[Transaction], tuple[str, ...] | None]


def _by_reference(line: Transaction) -> tuple[str, ...] | None:
    return (line.reference,) if line.reference else None


def _by_end_to_end_id(line: Transaction) -> tuple[str, ...] | None:
    if not line.end_to_end_id or line.end_to_end_id == "NOTPROVIDED":
        return None
    return (line.end_to_end_id, *_money(line))


def _by_counterparty(line: Transaction) -> tuple[str, ...] | None:
    account = line.counterparty_account
    named = account.number if account else line.counterparty.casefold()
    return (named, *_money(line)) if named else None


def _by_text(line: Transaction) -> tuple[str, ...] | None:
    text = line.remittance_information.casefold()
    return (text, *_money(line)) if text else None


def _money(line: Transaction) -> tuple[str, str]:
    return (str(line.amount.minor), line.amount.currency)


#: The surest first.
_KEYS: Final[tuple[Key, ...]] = (_by_reference, _by_end_to_end_id, _by_counterparty, _by_text)


def booked_as(
    pending: Sequence[tuple[str, Transaction]], booked: Sequence[tuple[str, Transaction]]
) -> Mapping[str, str]:
    """For each pending transaction, by its id, the id of the booked one that it has become.

    A booked one is used once. If several are equally good they are alike in all that the rule
    looks at, so the first by day and id is taken. The order of the arguments does not matter.
    """
    became: dict[str, str] = {}
    left = sorted(booked, key=_place)
    waiting = sorted(pending, key=_place)
    for key in _KEYS:
        offered: dict[tuple[str, ...], list[tuple[str, Transaction]]] = {}
        for each in left:
            if (named := key(each[1])) is not None:
                offered.setdefault(named, []).append(each)
        for its_id, line in waiting:
            named = key(line)
            fitting = offered.get(named, []) if named is not None else []
            chosen = next((each for each in fitting if _in_time(line, each[1])), None)
            if chosen is not None:
                fitting.remove(chosen)
                became[its_id] = chosen[0]
        left = [each for each in left if each[0] not in set(became.values())]
        waiting = [each for each in waiting if each[0] not in became]
    return became


def _in_time(pending: Transaction, booked: Transaction) -> bool:
    """Whether the days allow it. A line without a day stands against nothing."""
    before, after = pending.day, booked.day
    if before is None or after is None:
        return True
    return -BOOKED_WITHIN <= after - before <= BOOKED_WITHIN


def _place(each: tuple[str, Transaction]) -> tuple[str, str]:
    return (str(each[1].day or ""), each[0])
