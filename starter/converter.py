"""Converts values to payloads and back: pydantic models, with each value's type under the seal.

The codec binds a payload to its place, but inputs and results have the same place. An activity's
input and its result have different types, so the type's name tells them apart. A value is refused
where another type is expected, such as a result in the place of an input, an update or a signal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin

from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.exceptions import ApplicationError

from starter.codec import REFUSED

#: Metadata inside the seal: the name of the value's type.
TYPE: Final = "finality-type"


@dataclass(frozen=True)
class Refused:
    """The value that a workflow gets instead of one that is not ours."""

    why: str

    def __str__(self) -> str:
        return self.why


class NotOurs(ApplicationError):
    """A payload was not sealed by us for its place. The text says why, and what to do."""

    def __init__(self, why: str) -> None:
        super().__init__(why, type="NotOurs")


class SealedPayloadConverter(PydanticPayloadConverter):
    """Writes each value's type into its payload, and returns only values of the expected type.

    For any other value a workflow gets a `Refused`, which it treats as a step without a result.
    Clients and activities get an exception.
    """

    def to_payloads(self, values: Sequence[Any]) -> list[Payload]:
        payloads = super().to_payloads(values)
        for value, payload in zip(values, payloads, strict=True):
            if not isinstance(value, RawValue):
                payload.metadata[TYPE] = type(value).__name__.encode()
        return payloads

    def from_payloads(
        self, payloads: Sequence[Payload], type_hints: list[type] | None = None
    ) -> list[Any]:
        """The values.

        Raises:
            NotOurs: one of them is not ours, and the caller is not a workflow.
        """
        hints = [*(type_hints or ()), *[None] * len(payloads)]
        return [self._value(payload, hint) for payload, hint in zip(payloads, hints, strict=False)]

    def _value(self, payload: Payload, hint: Any) -> Any:
        why = self.why_refused(payload, hint)
        if why is None:
            return super().from_payloads([payload], None if hint is None else [hint])[0]
        if in_workflow():
            return Refused(why)
        raise NotOurs(why)

    def why_refused(self, payload: Payload, hint: Any) -> str | None:
        """Why the payload is no value of this type of ours; None: it is one."""
        return _why_refused(payload, hint)


def _why_refused(payload: Payload, hint: Any) -> str | None:
    if payload.metadata.get("encoding") == REFUSED:
        return payload.data.decode(errors="replace")
    named = payload.metadata.get(TYPE, b"nothing").decode(errors="replace")
    expected = _names(hint)
    if expected is None or named in expected:
        return None
    return f"a {named} was sealed, and a {' or '.join(sorted(expected))} belongs here"


def _names(hint: Any) -> frozenset[str] | None:
    """The names of the types that a hint allows; None if it allows any."""
    if hint in (None, Any, RawValue):
        return None
    if hint is NoneType:
        return frozenset({NoneType.__name__})
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return frozenset().union(*(_names(member) or () for member in get_args(hint)))
    return frozenset({(origin or hint).__name__})


def in_workflow() -> bool:
    """Whether the value is converted for a workflow.

    A worker converts results before it enters the workflow's event loop, in a thread without one.
    Activities and clients always convert inside an event loop.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return True
    return workflow.in_workflow()
