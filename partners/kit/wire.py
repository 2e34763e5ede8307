"""A partner's JSON in its own spelling: strict in the fields we read, tolerant of all others.

A field is declared only if our code reads it, and required only if we can do nothing without it.
So a field that we do not read can be missing or new without stopping a payment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from transport.json_text import NotJson, UnsafeJson, parse

OUTSIDE: Final = "an answer outside the known contract"
_TEXT_LENGTH_MAX: Final = 500
#: Named unknown fields per object; the others are only counted.
_DRIFT_MAX: Final = 10


@dataclass(frozen=True)
class Unusable:
    """An answer outside the contract. `drift` says where, and quotes no value."""

    drift: tuple[str, ...]

    @property
    def why(self) -> str:
        return f"{OUTSIDE}: {'; '.join(self.drift)}"


class Wire(BaseModel):
    """The base of a partner's objects.

    If a field that we read has another type than declared, the whole answer is unusable. So it is
    if a text is far longer than any partner writes, because it would be copied into every history.

    Class attributes:
        what: the object's name in drift; by default that of the class.
        documented: fields of the partner's reference that we do not use.
        readings: field -> our property that parses it. `read` tries them all, so that none raises
            later.
    """

    model_config = ConfigDict(
        strict=True, frozen=True, extra="allow", str_max_length=_TEXT_LENGTH_MAX
    )
    what: ClassVar[str]
    documented: ClassVar[frozenset[str]] = frozenset()
    readings: ClassVar[dict[str, str]] = {}

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        if "what" not in vars(cls):
            cls.what = cls.__name__.lstrip("_").lower()

    @property
    def drift(self) -> tuple[str, ...]:
        """Undocumented fields: tolerated and reported."""
        unknown = sorted(set(self.model_extra or {}) - self.documented)
        more = len(unknown) - _DRIFT_MAX
        named = tuple(f"{self.what}.{name[:80]}: unknown field" for name in unknown[:_DRIFT_MAX])
        return (*named, f"{self.what}: {more} more unknown fields") if more > 0 else named


W = TypeVar("W", bound=Wire)


def read(model: type[W], body: str) -> W | Unusable:
    """The object in a body, every part of which can be read."""
    try:
        parse(body)
        found = model.model_validate_json(body)
    except (NotJson, UnsafeJson) as error:
        return Unusable((f"{model.what}: {error}",))
    except ValidationError as error:
        return Unusable(
            tuple(
                ".".join((model.what, *map(str, each["loc"]))) + f": {each['type']}"
                for each in error.errors(include_input=False, include_url=False)[:_DRIFT_MAX]
            )
        )
    problems = tuple(problem for each in _objects(found) for problem in _unreadable(each))
    return Unusable(problems[:_DRIFT_MAX]) if problems else found


def _objects(found: Wire) -> Iterator[Wire]:
    """The object and all declared objects in it."""
    yield found
    for name in type(found).model_fields:
        value = getattr(found, name)
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, Wire):
                yield from _objects(each)


def _unreadable(found: Wire) -> Iterator[str]:
    for field, reading in found.readings.items():
        try:
            getattr(found, reading)
        except ValueError:
            yield f"{found.what}.{field}: not readable"
