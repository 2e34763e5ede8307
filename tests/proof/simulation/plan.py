"""What happens to one simulated world, drawn from a seed and written down whole."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum, auto
from itertools import combinations
from pathlib import Path
from typing import Final

from domain.lifecycle.profile import IdempotencyKind, LookupKind

#: From then on nothing is broken any more, where a plan says so at all.
HEALED_AFTER: Final = 150.0
#: Orders are given in the first seconds.
GIVEN_WITHIN: Final = 20.0


class Kind(StrEnum):
    """A fault, by the name it has in every layer."""

    REFUSE = auto()
    BAD_CERTIFICATE = auto()
    RESET_BEFORE = auto()
    RESET_AFTER = auto()
    CUT_REQUEST = auto()
    CUT_REPLY = auto()
    SWALLOW_REPLY = auto()
    STALL = auto()
    DRIP = auto()
    DUPLICATE_UPSTREAM = auto()
    ERROR_BEFORE = auto()
    ERROR_AFTER = auto()
    TOO_MANY_BEFORE = auto()
    TOO_MANY_AFTER = auto()
    """A gateway answers 429, and the bank behind it has executed."""
    REFUSED = auto()
    KILL = auto()
    STAND_STILL = auto()
    STORE_AWAY = auto()
    COMMIT_UNKNOWN = auto()
    TEMPORAL_AWAY = auto()
    TERMINATE = auto()
    CANCEL = auto()
    FAIL_LATER = auto()
    NEWS = auto()
    REPEAT_ORDER = auto()
    CLOCK_AHEAD = auto()
    CLOCK_DAYS_AHEAD = auto()
    CLOCK_BEHIND = auto()
    RESTORED = auto()
    """Store and Temporal are restored from one copy, under workers that are started anew."""
    SET_BACK = auto()
    """The store alone, under workers that run on."""
    STRANGER = auto()
    """Somebody without our key answers for a step that a worker has in hand."""


#: Where the network breaks, between our client and the partner.
NETWORK: Final = tuple(Kind)[: tuple(Kind).index(Kind.REFUSED) + 1]
#: Where a process may be killed or stopped, by what passes there, and how often a payment that
#: meets little else passes it: beyond that a fault would mostly meet nothing.
POINTS: Final = {
    "workflow task": 6,
    "activity begun": 4,
    "activity done": 4,
    "write begun": 9,
    "write committed": 9,
    "exchange begun": 3,
    "exchange effected": 3,
    "exchange answered": 3,
}


@dataclass(frozen=True)
class Fault:
    """One thing that happens: at the nth passing of a point of a payment, or at a moment."""

    kind: Kind
    payment: int = -1
    """Counted from 0; -1 is nobody's."""
    point: str = ""
    nth: int = 1
    at: float = 0.0
    """Seconds since the beginning, for what is not tied to a point."""
    amount: float = 0.0
    """Seconds that it takes, or by how much."""


@dataclass(frozen=True)
class Plan:
    """A world's behaviour and everything that happens in it."""

    seed: int
    payments: int
    shapes: tuple[tuple[str, str], ...]
    """Of each payment: how its bank treats keys, and how it can be asked."""
    faults: tuple[Fault, ...]
    partner: str = "bank"
    """`cards` is the card processor, whose worlds go on after a payment."""

    def without(self, faults: Sequence[Fault]) -> Plan:
        """The same with fewer faults."""
        return replace(self, faults=tuple(f for f in self.faults if f not in faults))

    def write(self, file: Path) -> None:
        """As JSON, for `--plan`."""
        file.write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def read(cls, file: Path) -> Plan:
        """What `write` wrote."""
        said = json.loads(file.read_text())
        faults = tuple(Fault(**{**fault, "kind": Kind(fault["kind"])}) for fault in said["faults"])
        shapes = tuple((one, other) for one, other in said["shapes"])
        partner = said.get("partner", "bank")
        return cls(said["seed"], said["payments"], shapes, faults, partner)


def drawn(seed: int, payments: int, *, harsh: bool = False) -> Plan:
    """A plan: each seed has some kinds of fault and not others, or they would hide each other.

    Args:
        harsh: several faults for nearly every payment.
    """
    chance = random.Random(f"harsh {seed}" if harsh else seed)
    more = 3.0 if harsh else 1.0
    apart = (*RESTORES, *_BY_THEMSELVES)
    kinds = [kind for kind in Kind if kind not in apart and chance.random() < 0.45]
    shapes = tuple(
        (chance.choice(list(IdempotencyKind)).value, chance.choice(list(LookupKind)).value)
        for _ in range(payments)
    )
    faults: list[Fault] = []
    for payment in range(payments):
        met = [kind for kind in kinds if chance.random() < more * _RATES.get(kind, 0.12)]
        faults += [_of_payment(kind, payment, chance) for kind in met if kind not in _WORLDS]
    for kind in _BY_THEMSELVES:
        faults += _beside(kind, seed, payments, more)
    for kind in _WORLDS:
        if kind in kinds:
            at = chance.uniform(0, HEALED_AFTER * 0.7)
            if kind in _CLOCKS:
                amount = chance.uniform(*_CLOCKS[kind])
            else:
                amount = min(chance.expovariate(1 / 12), 40.0)
            faults.append(Fault(kind, at=round(at, 3), amount=round(amount, 3)))
    return Plan(seed, payments, shapes, tuple(faults))


def _beside(kind: Kind, seed: int, payments: int, more: float) -> list[Fault]:
    """Drawn apart, so that the rest of a seed's world is what it was before there was the kind."""
    chance = random.Random(f"{kind} {seed}")
    if chance.random() > 0.45:
        return []
    met = [number for number in range(payments) if chance.random() < more * 0.12]
    return [_of_payment(kind, number, chance) for number in met]


def paired(seed: int, pair: tuple[str, str]) -> Plan:
    """A world of one payment at each bank there is, which meet both, at moments that are drawn."""
    chance = random.Random(f"{pair[0]} and {pair[1]} {seed}")
    shapes = tuple((keys.value, lookup.value) for keys in IdempotencyKind for lookup in LookupKind)
    faults: list[Fault] = []
    for payment in range(len(shapes)):
        one, other = (_of_payment(Kind(kind), payment, chance) for kind in pair)
        if one.point == other.point and one.nth == other.nth:
            other = replace(other, nth=one.nth + 1)  # Of two at one passing only one can fire.
        faults += [one, other]
    return Plan(seed, len(shapes), shapes, tuple(faults))


#: Of worlds of their own, see `restored`.
RESTORES: Final = (Kind.RESTORED, Kind.SET_BACK)
#: Banks of these kinds can list what they made.
LISTING: Final = (LookupKind.STRONG, LookupKind.EVENTUAL)


def restored(seed: int, payments: int) -> Plan:
    """A world that forgets what it did: the store is an older copy, and Temporal too or not.

    Every order is given again, in time. Its bank knows keys or lists what it made: where it does
    neither, nobody can promise anything.
    """
    chance = random.Random(f"restored {seed}")
    banks = [
        (keys.value, lookup.value)
        for keys in IdempotencyKind
        for lookup in LookupKind
        if keys is not IdempotencyKind.NONE or lookup in LISTING
    ]
    shapes = tuple(chance.choice(banks) for _ in range(payments))
    at = chance.uniform(GIVEN_WITHIN / 2, HEALED_AFTER * 0.6)
    kind = RESTORES[seed % 2]
    faults = [Fault(kind, at=round(at, 3), amount=round(chance.uniform(0.5, at), 3))]
    killed = [payment for payment in range(payments) if chance.random() < 0.3]
    faults += [_of_payment(Kind.KILL, payment, chance) for payment in killed]
    # People take some back on the copy, before or after anybody knows what it has forgotten.
    taken_back = [payment for payment in range(payments) if chance.random() < 0.25]
    faults += [
        Fault(Kind.CANCEL, payment, at=round(at + chance.uniform(0.1, 20), 3))
        for payment in taken_back
    ]
    return Plan(seed, payments, shapes, tuple(faults))


#: How a card processor treats keys, and how it can be asked.
_CARDS: Final = (
    (IdempotencyKind.REPLAY_STATE.value, LookupKind.STRONG.value),
    (IdempotencyKind.REJECT_DUPLICATE.value, LookupKind.STRONG.value),
    (IdempotencyKind.NONE.value, LookupKind.STRONG.value),
    (IdempotencyKind.REPLAY_STATE.value, LookupKind.NONE.value),
)
#: It passes each point more often than a credit transfer, and sends more.
_MORE_PASSES: Final = 4
_AFTER: Final = (Kind.CANCEL, Kind.TERMINATE, Kind.NEWS, Kind.REPEAT_ORDER)


def of_cards(seed: int, payments: int) -> Plan:
    """A world of a card processor: faults meet payments, captures and refunds alike."""
    chance = random.Random(f"cards {seed}")
    shapes = tuple(chance.choice(_CARDS) for _ in range(payments))
    faults: list[Fault] = []
    for payment in range(payments):
        for kind in NETWORK:
            if chance.random() < 0.15:
                point = "exchange" if chance.random() < 0.3 else "order"
                faults.append(Fault(kind, payment, point, nth=chance.randint(1, 8)))
        for kind in (Kind.KILL, Kind.KILL, Kind.STAND_STILL):
            if chance.random() < 0.35:
                fault = _of_payment(kind, payment, chance)
                faults.append(replace(fault, nth=fault.nth * chance.randint(1, _MORE_PASSES)))
        if chance.random() < 0.3:
            nth = chance.randint(1, 40)
            faults.append(Fault(Kind.COMMIT_UNKNOWN, payment, "write committed", nth=nth))
        faults += [_of_payment(k, payment, chance) for k in _AFTER if chance.random() < 0.1]
    if chance.random() < 0.3:
        kind = chance.choice((Kind.STORE_AWAY, Kind.TEMPORAL_AWAY))
        at, amount = chance.uniform(0, HEALED_AFTER * 0.7), chance.uniform(1, 30)
        faults.append(Fault(kind, at=round(at, 3), amount=round(amount, 3)))
    return Plan(seed, payments, shapes, tuple(faults), partner="cards")


#: How likely a payment meets a fault of a kind that its world has.
_RATES: Final = {Kind.KILL: 0.25, Kind.STAND_STILL: 0.06, Kind.TERMINATE: 0.06, Kind.NEWS: 0.4}
#: By how many seconds a process's clock is ahead. The first is what NTP leaves.
_CLOCKS: Final = {
    Kind.CLOCK_AHEAD: (0.0, 0.4),
    Kind.CLOCK_DAYS_AHEAD: (10 * 86_400.0, 20 * 86_400.0),
    Kind.CLOCK_BEHIND: (-7_200.0, -1_800.0),
}
#: Drawn once for the world, not for a payment.
_WORLDS: Final = (Kind.STORE_AWAY, Kind.TEMPORAL_AWAY, *_CLOCKS)
_BY_THEMSELVES: Final = (Kind.STRANGER,)
#: Any two kinds of fault that one payment can meet.
PAIRS: Final = tuple(
    combinations(sorted(kind.value for kind in Kind if kind not in (*_WORLDS, *RESTORES)), 2)
)
_AT_A_MOMENT: Final = (Kind.CANCEL, Kind.FAIL_LATER, Kind.NEWS, Kind.TERMINATE, Kind.REPEAT_ORDER)


def _of_payment(kind: Kind, payment: int, chance: random.Random) -> Fault:
    if kind in _AT_A_MOMENT:
        return Fault(kind, payment, at=round(chance.uniform(0, HEALED_AFTER * 0.8), 3))
    if kind is Kind.STRANGER:  # Early, when steps are in hand.
        return Fault(kind, payment, at=round(chance.uniform(0, GIVEN_WITHIN * 1.5), 3))
    if kind in (Kind.KILL, Kind.STAND_STILL):
        amount = round(chance.uniform(1, 60), 3) if kind is Kind.STAND_STILL else 0.0
        point = chance.choice(list(POINTS))
        return Fault(kind, payment, point, nth=chance.randint(1, POINTS[point]), amount=amount)
    if kind is Kind.COMMIT_UNKNOWN:
        return Fault(kind, payment, "write committed", nth=chance.randint(1, 9))
    point = "exchange" if chance.random() < 0.3 else "order"
    return Fault(kind, payment, point, nth=chance.choice((1, 1, 1, 2, 2, 3)))


def of_shape(kind: Kind, shape: tuple[str, str]) -> str | None:
    """What a lost reply is called where its bank is a case of its own: besides the usual name."""
    idempotency, lookup = shape
    if kind is not Kind.SWALLOW_REPLY:
        return None
    if idempotency == IdempotencyKind.NONE and lookup in (
        LookupKind.NONE, LookupKind.STATEMENT_ONLY
    ):  # fmt: skip
        return "order without keys or lookup"
    return "order with a lookup that lags" if lookup == LookupKind.EVENTUAL else None
