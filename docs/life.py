"""Draws `docs/life.svg`, a payment's life, from the rules in `domain/`: so it cannot drift.

Run as `python -m docs.life`; a test draws it again and compares.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

from domain.payments.report import PaymentState as S
from domain.payments.states import ENDS, PROVEN_NOTHING_MOVED, STATES, STEPS_BACK, may_follow

FILE: Final = Path(__file__).parent / "life.svg"

_BOX: Final = (124, 46)
_PITCH: Final = (146, 66)
_LEFT: Final = 24
_TOP: Final = 80
#: What may be drawn side by side in one column: ranks that no payment passes one after the other.
_COLUMN_OF_ENDS: Final = STATES[S.UNCONFIRMED].rank
_INK: Final = "#1f2937"
_LINE: Final = "#9ca3af"
_BACK: Final = "#b45309"
_FILL: Final = {"open": "#eff6ff", "moved": "#ecfdf5", "nothing": "#f3f4f6"}
_EDGE: Final = {"open": "#3b82f6", "moved": "#059669", "nothing": "#6b7280"}
#: A reason with more ways back than that is drawn as one frame around its states.
_ARCS_MAX: Final = 4


class Spot(NamedTuple):
    """Where a state's box stands: its upper left corner."""

    x: float
    y: float

    @property
    def left(self) -> str:
        return f"{self.x:g} {self.y + _BOX[1] / 2:g}"

    @property
    def right(self) -> str:
        return f"{self.x + _BOX[0]:g} {self.y + _BOX[1] / 2:g}"


def columns() -> list[list[S]]:
    """The states that are not proofs that nothing moved, by rank."""
    by_rank: dict[int, list[S]] = {}
    for state in S:
        if state not in PROVEN_NOTHING_MOVED:
            by_rank.setdefault(min(STATES[state].rank, _COLUMN_OF_ENDS), []).append(state)
    for states in by_rank.values():
        if len(states) > 2:
            # What arcs touch stands outside, so that none runs through a box.
            states.sort(key=_has_arc)
            states.insert(1, states.pop(0))
    return [by_rank[rank] for rank in sorted(by_rank)]


def _has_arc(state: S) -> bool:
    return any(state in pair and _has_arcs(why) for pair, why in STEPS_BACK.items())


def draw() -> str:
    """The picture as SVG."""
    spots = _spots()
    width = _LEFT * 2 + _PITCH[0] * len(columns()) - (_PITCH[0] - _BOX[0])
    below = _TOP + 3 * _PITCH[1] + 58
    reasons = list(dict.fromkeys(STEPS_BACK.values()))
    height = below + _BOX[1] + 40 + 20 * len(reasons)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="system-ui, sans-serif" font-size="12">',
        "<title>The life of a payment</title>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
        _marker("onward", _LINE),
        _marker("back", _BACK),
        *_frames(spots, reasons),
        *_onward(spots),
        *_within_a_column(spots),
        *_back(spots, reasons),
        *(_box(state, spot) for state, spot in spots.items()),
        *_nothing_moved(spots, width, below),
        *_legend(reasons, below + _BOX[1] + 34),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _spots() -> dict[S, Spot]:
    spots = {}
    for number, states in enumerate(columns()):
        first = _TOP + (3 - len(states)) * _PITCH[1] / 2
        for row, state in enumerate(states):
            spots[state] = Spot(_LEFT + number * _PITCH[0], first + row * _PITCH[1])
    return spots


def _marker(name: str, colour: str) -> str:
    return (
        f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        f'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="{colour}"/></marker>'
    )


def _box(state: S, spot: Spot) -> str:
    kind = "open"
    if state in ENDS or (may_follow(state, S.FINAL) and not may_follow(state, S.REJECTED)):
        kind = "moved"
    if state in PROVEN_NOTHING_MOVED:
        kind = "nothing"
    width, height = _BOX
    middle = spot.x + width / 2
    stroke = 2.5 if state in ENDS else 1.2
    return (
        f'<rect x="{spot.x:g}" y="{spot.y:g}" width="{width}" height="{height}" rx="7" '
        f'fill="{_FILL[kind]}" stroke="{_EDGE[kind]}" stroke-width="{stroke}"/>'
        f'<text x="{middle:g}" y="{spot.y + 20:g}" text-anchor="middle" font-weight="600" '
        f'fill="{_INK}">{state}</text>'
        f'<text x="{middle:g}" y="{spot.y + 36:g}" text-anchor="middle" font-size="10.5" '
        f'fill="#4b5563">{escape(STATES[state].headline)}</text>'
    )


def _onward(spots: dict[S, Spot]) -> Iterator[str]:
    ordered = columns()
    for before, after in pairwise(ordered):
        for first in before:
            for second in after:
                if may_follow(first, second):
                    yield (
                        f'<path d="M{spots[first].right} L{spots[second].left}" fill="none" '
                        f'stroke="{_LINE}" marker-end="url(#onward)"/>'
                    )


def _within_a_column(spots: dict[S, Spot]) -> Iterator[str]:
    """Of states that stand above each other, and yet come one after the other."""
    for states in columns():
        for upper, lower in pairwise(states):
            if may_follow(lower, upper) and not may_follow(upper, lower):
                x = spots[lower].x + _BOX[0] / 2
                yield (
                    f'<path d="M{x:g} {spots[lower].y:g} V{spots[upper].y + _BOX[1]:g}" '
                    f'fill="none" stroke="{_LINE}" marker-end="url(#onward)"/>'
                )


def _frames(spots: dict[S, Spot], reasons: list[str]) -> Iterator[str]:
    for number, reason in enumerate(reasons, 1):
        states = {state for pair, why in STEPS_BACK.items() if why == reason for state in pair}
        if _has_arcs(reason):
            continue
        corners = [spots[state] for state in states]
        left, top = min(c.x for c in corners) - 9, min(c.y for c in corners) - 24
        right = max(c.x for c in corners) + _BOX[0] + 9
        bottom = max(c.y for c in corners) + _BOX[1] + 12
        yield (
            f'<rect x="{left:g}" y="{top:g}" width="{right - left:g}" height="{bottom - top:g}" '
            f'rx="12" fill="none" stroke="{_BACK}" stroke-dasharray="5 4"/>'
            f'<text x="{right - 14:g}" y="{top + 17:g}" text-anchor="end" fill="{_BACK}">'
            f"({number})</text>"
        )


def _back(spots: dict[S, Spot], reasons: list[str]) -> Iterator[str]:
    numbered = set[str]()
    for (before, after), reason in STEPS_BACK.items():
        if not _has_arcs(reason):
            continue
        first, second = spots[before], spots[after]
        start, end = first.x + _BOX[0] / 2, second.x + _BOX[0] / 2
        # Farther out the farther it goes, so that none lies on another.
        out = 22 + abs(start - end) / 7
        lower = max(first.y, second.y)
        if lower > _TOP + _PITCH[1]:
            from_y, to_y, beyond = first.y + _BOX[1], second.y + _BOX[1], lower + _BOX[1] + 40
        else:
            from_y, to_y, beyond = first.y, second.y, min(first.y, second.y) - out
        # Where the curve, a cubic Bézier, is at its middle.
        middle = (from_y + to_y + 6 * beyond) / 8
        yield (
            f'<path d="M{start:g} {from_y:g} C{start:g} {beyond:g} {end:g} {beyond:g} '
            f'{end:g} {to_y:g}" fill="none" stroke="{_BACK}" stroke-dasharray="5 4" '
            'marker-end="url(#back)"/>'
        )
        if reason in numbered:
            continue
        numbered.add(reason)
        yield (
            f'<text x="{(start + end) / 2:g}" y="{middle + (14 if beyond > lower else -6):g}" '
            f'text-anchor="middle" fill="{_BACK}">({reasons.index(reason) + 1})</text>'
        )


def _has_arcs(reason: str) -> bool:
    return list(STEPS_BACK.values()).count(reason) <= _ARCS_MAX


def _nothing_moved(spots: dict[S, Spot], width: float, top: float) -> Iterator[str]:
    """The proven ends, and the states from which they are reached."""
    states = [state for state in S if state in PROVEN_NOTHING_MOVED]
    sources = [s for s in spots if all(may_follow(s, end) for end in states)]
    left = min(spots[s].x for s in sources)
    right = max(spots[s].x for s in sources if s not in ENDS) + _BOX[0]
    yield (
        f'<path d="M{left:g} {top - 22:g} H{right:g}" fill="none" stroke="{_LINE}" '
        'stroke-width="1.5"/>'
    )
    first = (left + right) / 2 - len(states) * _PITCH[0] / 2
    for number, state in enumerate(states):
        spot = Spot(first + number * _PITCH[0], top)
        middle = spot.x + _BOX[0] / 2
        yield (
            f'<path d="M{middle:g} {top - 22:g} V{top:g}" fill="none" stroke="{_LINE}" '
            'marker-end="url(#onward)"/>'
        )
        yield _box(state, spot)
    yield (
        f'<text x="{right + 12:g}" y="{top - 18:g}" fill="#4b5563">from any of these, and from '
        f"{', '.join(s for s in sources if s in ENDS)}</text>"
    )


def _legend(reasons: list[str], top: float) -> Iterator[str]:
    yield (
        f'<text x="{_LEFT}" y="{top - 4:g}" fill="#4b5563">Onward any number of steps at once: a '
        "partner need not tell each. A thick frame is an end. Whatever else is heard contradicts "
        "what was heard before: a person decides.</text>"
    )
    for number, reason in enumerate(reasons, 1):
        yield (
            f'<text x="{_LEFT}" y="{top + 18 * number:g}" fill="{_BACK}">({number}) '
            f"{escape(reason)}</text>"
        )


if __name__ == "__main__":
    FILE.write_text(draw())
