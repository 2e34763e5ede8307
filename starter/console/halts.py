"""The halts in force, and the forms that make and lift one, by the code behind `finality halt`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from domain.clock import ClocksApart
from domain.lifecycle.statement import StatementKind
from domain.payments.order import Rail
from starter.asking import InvalidCommand
from starter.console.desk import Desk, Visit
from starter.console.signing_in import unlocked_for
from starter.signing import KeyUnusable
from store.halts import HALTS, NotDoubtedYet
from store.operators import NotSigned

PATH: Final = "/halts"
_LIFT: Final = "/halts/lift"
_NUMBER_LENGTH_MAX: Final = 9
_REFUSALS: Final = (ClocksApart, InvalidCommand, KeyUnusable, NotDoubtedYet, NotSigned)


def halts(desk: Desk) -> list[Route]:
    """The routes of halts."""

    async def listed(visit: Visit) -> Response:
        return await _page(visit)

    async def halt(visit: Visit) -> Response:
        return await _or_refused(visit, _halt)

    async def lift(visit: Visit) -> Response:
        return await _or_refused(visit, _lift)

    return [
        Route(PATH, desk.behind_sign_in(listed)),
        Route(PATH, desk.behind_sign_in(halt), methods=["POST"]),
        Route(_LIFT, desk.behind_sign_in(lift), methods=["POST"]),
    ]


async def _or_refused(visit: Visit, act: Callable[[Visit], Awaitable[Response]]) -> Response:
    """Do it, or show the halts again with the reason why it was refused."""
    try:
        return await act(visit)
    except _REFUSALS as refused:
        return await _page(visit, status=422, error=f"{refused}.")


async def _page(visit: Visit, *, status: int = 200, error: str = "") -> Response:
    parts = visit.desk.parts
    return visit.page(
        "halts.html",
        at=PATH,
        title="Halts",
        status=status,
        error=error,
        halts=await parts.operations.halts(),
        partners=sorted(parts.partners),
        rails=list(Rail),
        typed=visit.form,
    )


async def _halt(visit: Visit) -> Response:
    form = visit.form
    if not form.text("why"):
        raise InvalidCommand("why: is missing; give one line of text")
    key = await unlocked_for(visit, StatementKind.HALT, HALTS)
    made = await visit.desk.parts.operations.halt(
        signer=key,
        why=form.text("why"),
        partner=form.text("partner") or None,
        tenant=form.text("tenant") or None,
        rail=form.text("rail") or None,
    )
    return visit.done(f"Halt {made.number} is in force: nothing new is sent of it.", PATH)


async def _lift(visit: Visit) -> Response:
    number = visit.form.text("number")
    if not (number.isascii() and number.isdecimal() and len(number) <= _NUMBER_LENGTH_MAX):
        raise InvalidCommand("number: is missing; choose the halt to lift")
    key = await unlocked_for(visit, StatementKind.LIFT, number)
    if not await visit.desk.parts.operations.lift(int(number), signer=key):
        raise InvalidCommand(f"number: no halt {number} is in force")
    return visit.done(f"Halt {number} is lifted. What it held back goes on soon.", PATH)
