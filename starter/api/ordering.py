"""Takes an order once under its key. Payments and collections share it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import Any, Final

from fastapi import Response
from pydantic import BaseModel, ValidationError

from domain.payments.intent import PossibleDuplicate
from domain.payments.order import Order
from starter.acceptance import InvalidOrder
from starter.api.answers import PaymentAnswer, payment_answer
from starter.api.parts import Parts
from starter.api.problems import FieldError, Problem, conflict, invalid, invalid_order, pointer
from starter.client import Orchestrator, Receipt
from store.accepting import KeyReused

REPLAYED: Final = "Idempotent-Replayed"


async def order_once(
    parts: Parts,
    tenant: str,
    make: Callable[[], Order],
    key: str,
    response: Response,
    *,
    received: Mapping[str, Any],
    acknowledged: Collection[str],
    at: str,
    browser_session: str = "",
) -> PaymentAnswer:
    """Record the order, or find the one that the key stands for, and set status and headers.

    Args:
        make, received, acknowledged: as `ordered`.
        at: the address under which payments of this kind are found.

    Raises:
        Problem, StoreAway: as `ordered`.
    """
    receipt = await ordered(
        parts.orchestrator, tenant, make, key, received=received, acknowledged=acknowledged,
        browser_session=browser_session,
    )  # fmt: skip
    response.status_code = 200 if receipt.is_replay else 201 if receipt.is_started else 202
    response.headers[REPLAYED] = str(receipt.is_replay).lower()
    response.headers["Location"] = f"{at}/{receipt.payment_id}"
    return payment_answer(await parts.orchestrator.get(receipt.payment_id, tenant=tenant))


async def ordered(
    orchestrator: Orchestrator,
    tenant: str,
    make: Callable[[], Order],
    key: str,
    *,
    received: Mapping[str, Any],
    acknowledged: Collection[str],
    browser_session: str = "",
    patience: timedelta | None = timedelta(seconds=5),
) -> Receipt:
    """Record the order, or find the one that the key stands for. Every door for orders uses it.

    A known key is answered first. The account is chosen for a new order only: a repeat must find
    its payment also after the settings or the rights of the caller have changed.

    Args:
        make: makes the order. It may raise Problem or ValidationError.
        received: the body as it was sent. The acknowledgement and the browser session are no part
            of its fingerprint.
        patience: as for `Orchestrator.pay`.

    Raises:
        Problem: nothing was recorded, or another order stands under the key.
        StoreAway: it is not known whether the order is recorded.
    """
    fields = {name: value for name, value in received.items() if name not in _NOT_OF_ORDER}
    try:
        known = await orchestrator.repeat(key, tenant=tenant, received=fields, patience=patience)
        if known is not None:
            return known
        return await orchestrator.pay(
            make(), key, received=fields, acknowledge_duplicate_of=acknowledged,
            browser_session=browser_session, patience=patience,
        )  # fmt: skip
    except ValidationError as error:
        raise invalid_fields(error) from None
    except InvalidOrder as refused:
        raise invalid_order(refused.refusals) from None
    except KeyReused as reused:
        raise conflict(
            "key-reused", "The key stands for another order", f"{reused}. Nothing was done.",
            id=reused.payment_id,
        ) from None  # fmt: skip
    except PossibleDuplicate as duplicate:
        raise possible_duplicate(duplicate) from None


_ACKNOWLEDGED: Final = "acknowledge_duplicate_of"
_NOT_OF_ORDER: Final = frozenset({_ACKNOWLEDGED, "browser_session"})


def also(answer: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """The statuses of a POST besides 201, for the OpenAPI document."""
    return {
        200: {"model": answer, "description": "the key was known: as it now stands"},
        202: {"model": answer, "description": "recorded; its outcome is not known yet"},
    }


def possible_duplicate(duplicate: PossibleDuplicate) -> Problem:
    """The order may be one that was given before under another key. The key is still free."""
    return conflict(
        "possible-duplicate",
        "The same payment was ordered before",
        f"{duplicate}.",
        earlier=[
            {
                "id": each.payment_id,
                "created_at": each.created_at.isoformat(),
                "state": each.state,
                "in_doubt": each.in_doubt,
            }
            for each in duplicate.earlier
        ],
        acknowledge={_ACKNOWLEDGED: list(duplicate.payment_ids)},
        needs_operator=duplicate.needs_operator,
    )


def invalid_fields(error: ValidationError) -> Problem:
    """Fields that exclude each other, which only the whole order shows."""
    return invalid(
        FieldError(pointer=pointer(*each["loc"]), detail=said(each["msg"]))
        for each in error.errors(include_url=False, include_input=False, include_context=False)
    )


def said(message: str) -> str:
    """A message of pydantic without the class of the error."""
    return message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
