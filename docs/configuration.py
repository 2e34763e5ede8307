"""Writes `docs/configuration.md` from the settings themselves, so that it names every one.

Run as `python -m docs.configuration`; a test writes it again and compares.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from settings import Settings
from settings_sources import FORMER

FILE: Final = Path(__file__).with_suffix(".md")
_PREFIX: Final = "FINALITY_"
_HEAD: Final = """# Configuration

Written by `make docs` from `settings.py`.

Each setting comes from the first of these places that has it:

1. the environment;
2. a file in the folder `FINALITY_SECRETS_DIR`, named as the variable would be, with or without
   `FINALITY_`, in any case: `database_url`, `partners__currencycloud__main__api_key`;
3. `finality.toml` in the folder where a command runs, if this user or root owns it and nobody else
   can write it; `FINALITY_SETTINGS_FILE` names another file, which is used whoever owns it;
4. `up.json` in the home, which `finality up` writes for the other commands on the same machine.

A `.env` file is never read. A key, variable or file that sets nothing is refused, at every level,
with the nearest known name: a typing error would otherwise go unnoticed. (Variables that Kubernetes
makes for a service called `finality` are ignored.) `finality doctor` names the files in use. The
Temporal connection (namespace, API key, TLS) is Temporal's own: `TEMPORAL_*`, or `temporal.toml` in
this user's configuration folder, never in the working folder.

In the environment a table is JSON, or one variable per value with `__` between the names:
`FINALITY_DEBTORS__DE02120300000000202051__PARTNER_ACCOUNT=main`. Times are seconds, or ISO 8601
(`P14D`).
"""
_FORMER: Final = (
    "Former names still work in every place: "
    + ", ".join(f"`[{former}]` for `[{'.'.join(today)}]`" for former, today in FORMER.items())
    + ".\nA setting that is given under both names in one place is refused.\n"
)


def write() -> str:
    """The whole page."""
    parts = [_HEAD, _FORMER, _table(Settings, (), environment=True)]
    for names, model in _tables(Settings, ()):
        parts += [f"\n## {_title(names)}\n\n{_first_lines(model)}\n", _table(model, names)]
    return "\n".join(parts)


def _tables(
    model: type[BaseModel], at: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], type[BaseModel]]]:
    """The models of settings that are tables, each with the names at which it stands."""
    for name, field in model.model_fields.items():
        for names, inner in _models(field.annotation, (*at, name)):
            yield names, inner
            yield from _tables(inner, names)


def _models(
    annotation: Any, at: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], type[BaseModel]]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield at, annotation
    by_name = ("NAME",) if get_origin(annotation) is dict else ()
    for argument in get_args(annotation):
        yield from _models(argument, (*at, *by_name))


def _title(names: Sequence[str]) -> str:
    """As the section is written in the settings file."""
    return f"[{'.'.join(names)}]"


def _first_lines(model: type[BaseModel]) -> str:
    """Its docstring, unindented."""
    return "\n".join(line.strip() for line in (model.__doc__ or "").strip().splitlines())


def _table(model: type[BaseModel], at: tuple[str, ...], *, environment: bool = False) -> str:
    rows = ["| setting | type | default | what it is |", "| --- | --- | --- | --- |"]
    said = _said_in_source(model)
    for name, field in model.model_fields.items():
        shown = f"`{name}`" + (f"<br>`{_PREFIX}{name.upper()}`" if environment else "")
        words = _words(said, name, field)
        rows.append(
            f"| {shown} | {_type(field.annotation, (*at, name))} | {_default(field)} | {words} |"
        )
    return "\n".join(rows) + "\n"


def _words(said: Mapping[str, str], name: str, field: FieldInfo) -> str:
    words = field.description or said.get(name)
    if not words:
        raise LookupError(f"{name}: give the setting a description")
    return words.replace("|", "\\|")


def _said_in_source(model: type[BaseModel]) -> dict[str, str]:
    """The strings below a model's fields, and below those of the models that it extends.

    Pydantic could collect them, but in every process that starts, by parsing the source anew.
    """
    found: dict[str, str] = {}
    for each in reversed(model.__mro__):
        if issubclass(each, BaseModel) and not each.__module__.startswith("pydantic"):
            found |= _strings_below(each)
    return found


def _strings_below(model: type[BaseModel]) -> dict[str, str]:
    [found] = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(found, ast.ClassDef)
    return {
        field.target.id: words.value.value
        for field, words in pairwise(found.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(words, ast.Expr)
        and isinstance(words.value, ast.Constant)
        and isinstance(words.value.value, str)
    }


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    value = field.get_default(call_default_factory=True, validated_data={})
    if (
        value is None
        or value is PydanticUndefined
        or value == ""
        or value == {}
        or isinstance(value, BaseModel)
    ):
        return "none"
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g} s"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _type(annotation: Any, at: tuple[str, ...]) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0], at)
    if origin in (Union, UnionType):
        return " or ".join(_type(each, at) for each in arguments if each is not type(None))
    if origin is Literal:
        return ", ".join(f"`{each}`" for each in arguments)
    if origin is tuple:
        return f"list of {_type(arguments[0], at)}"
    if origin is dict:
        return f"table of {_type(arguments[1], (*at, 'NAME'))}, by name"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[`{'.'.join(at)}`](#{''.join(at).lower()})"
    return _NAMES.get(annotation, getattr(annotation, "__name__", str(annotation)))


_NAMES: Final[Mapping[Any, str]] = {
    str: "text",
    int: "number",
    bool: "`true` or `false`",
    Path: "path",
    timedelta: "time",
    SecretStr: "secret",
}


if __name__ == "__main__":
    FILE.write_text(write())
