"""The list of payments, and everything that is known about one."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from domain.lifecycle.resource import Certainty
from domain.payments.payment import UnknownPayment
from domain.payments.report import PaymentState
from domain.payments.states import STATES
from starter.api.cursors import list_place, of_list
from starter.api.problems import Problem
from starter.console.desk import Desk, Visit
from starter.console.overview import tone
from store.finding import ListPlace, Wanted

PATH: Final = "/payments"
_PAGE: Final = 50
_FILTERS: Final = ("state", "certainty", "partner", "reference", "order")
#: The list begins with the oldest, unless this is asked for.
_NEWEST: Final = "newest"


def payments(desk: Desk) -> list[Route]:
    """The routes of payments."""
    parts = desk.parts

    async def listed(visit: Visit) -> Response:
        query = visit.request.query_params
        asked = {name: query.get(name, "").strip() for name in _FILTERS}
        found = await parts.orchestrator.find(_wanted(asked, query.get("after")), limit=_PAGE)
        following = None
        if found.records and found.cut_after is not None:
            last = found.records[-1]
            place = of_list(ListPlace(last.created_at, last.payment_id))
            given = {name: value for name, value in asked.items() if value}
            following = f"{PATH}?{urlencode({**given, 'after': place})}"
        return visit.page(
            "payments.html",
            at=PATH,
            title="Payments",
            rows=[
                (record, tone(record.payment.state, record.payment.certainty))
                for record in found.records
            ],
            asked=asked,
            states=STATES.values(),
            certainties=list(Certainty),
            partners=sorted(parts.partners),
            following=following,
            is_first=not query.get("after"),
        )

    async def one(visit: Visit) -> Response:
        payment_id = visit.request.path_params["payment_id"]
        with_exchanges = visit.request.query_params.get("exchanges") == "shown"
        try:
            found = await parts.dossiers.of(payment_id, with_exchanges=with_exchanges)
        except UnknownPayment:
            raise HTTPException(404, "There is no such payment.") from None
        payment = found.record.payment
        return visit.page(
            "payment.html",
            at=PATH,
            title=f"Payment {payment_id}",
            found=found,
            record=found.record,
            payment=payment,
            tone=tone(payment.state, payment.certainty),
            tasks=await parts.operations.tasks(resource_id=payment_id),
        )

    return [
        Route(PATH, desk.behind_sign_in(listed)),
        Route(f"{PATH}/{{payment_id}}", desk.behind_sign_in(one)),
    ]


def _wanted(asked: dict[str, str], after: str | None) -> Wanted:
    """What the filters ask for; an empty one matches every payment.

    Raises:
        HTTPException: a filter or the place in the list is none that there is.
    """
    for name, known in (("state", PaymentState), ("certainty", Certainty)):
        if asked[name] and asked[name] not in list(known):
            raise HTTPException(400, f"{name}: is unknown. Choose one from the list.")
    try:
        place = list_place(after)
    except Problem:
        raise HTTPException(400, "after: is no place in this list. Begin at its start.") from None
    return Wanted(
        state=asked["state"] or None,
        certainty=asked["certainty"] or None,
        partner=asked["partner"] or None,
        reference=asked["reference"] or None,
        oldest_first=asked["order"] != _NEWEST,
        after=place,
    )
