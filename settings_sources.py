"""Where settings come from: each place is trusted before it is read, and named when it is wrong.

A command runs wherever somebody stands, and a folder may be another's. So `finality.toml` is taken
from the working folder only if this user or root wrote it and nobody else can; a file that
`FINALITY_SETTINGS_FILE` names is taken because it is named. No `.env` is read. The first place
that has a setting wins: environment, secret files, settings file, what `finality up` wrote.
"""

from __future__ import annotations

import json
import os
import re
import stat
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource

from domain.explained import Explained

PREFIX: Final = "FINALITY_"
FILE: Final = "finality.toml"
UP_FILE: Final = "up.json"
_FILE_VARIABLE: Final = "FINALITY_SETTINGS_FILE"
_SECRETS_VARIABLE: Final = "FINALITY_SECRETS_DIR"
#: Sections that had another name in an earlier release, and where they are today. The former name
#: still works in every place: file, variable and secret file.
FORMER: Final[Mapping[str, tuple[str, ...]]] = {"currencycloud": ("partners", "currencycloud")}
#: Variables of ours that are no settings: where settings are, secrets of one command, binaries.
_OTHERS: Final = frozenset(
    {
        _FILE_VARIABLE, _SECRETS_VARIABLE, "FINALITY_OPERATOR_SECRET", "FINALITY_TEMPORAL_BINARY",
        "FINALITY_TEST_SERVER_BINARY", "FINALITY_CACHE", "FINALITY_SPECS", "FINALITY_PLANTED",
    }
)  # fmt: skip
#: What Kubernetes puts into each container for a service called finality or finality-something.
_OF_KUBERNETES: Final = re.compile(
    r"FINALITY_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)"
)
_SECRET_BYTES_MAX: Final = 64 * 1024


class SettingsRefused(Explained):
    """Settings that cannot be used; a line for each thing that is wrong, with its place."""


@dataclass(frozen=True)
class Place:
    """One place settings come from, as nested names and values."""

    name: Callable[[Sequence[str]], str]
    """What a person calls the setting at these names, there."""
    written: Mapping[str, Any]
    """Names and values as they stand there, former names included."""

    @property
    def values(self) -> dict[str, Any]:
        """The same under today's names.

        Raises:
            SettingsRefused: a setting stands there under its former name and under today's.
        """
        found = {name: value for name, value in self.written.items() if name not in FORMER}
        for former in FORMER.keys() & self.written.keys():
            moved = self.written[former]
            for name in reversed(FORMER[former]):
                moved = {name: moved}
            self._merge(found, moved, ())
        return found

    def _merge(self, tables: dict[str, Any], more: Mapping[str, Any], at: tuple[str, ...]) -> None:
        for name, value in more.items():
            there = tables.setdefault(name, value)
            if there is value:
                continue
            if not isinstance(there, dict) or not isinstance(value, dict):
                raise _set_twice(*(self.name(each) for each in _spellings((*at, name))))
            tables[name] = dict(there)
            self._merge(tables[name], value, (*at, name))

    def has(self, names: Sequence[str]) -> bool:
        """Whether a setting, or the table it is in, stands there under exactly these names."""
        found: Any = self.written
        for name in names:
            folded = {str(key).lower(): key for key in found} if isinstance(found, dict) else {}
            if name.lower() not in folded:
                return False
            found = found[folded[name.lower()]]
        return True


def trusted_bytes(path: Path, *, named: bool = False) -> bytes | None:
    """What is in a file that only this user or root can have written; None where there is none.

    Args:
        named: somebody gave this file by name, so whose it is does not matter.

    Raises:
        SettingsRefused: another user wrote it or can write to it, or it cannot be read.
    """
    try:
        # A link of another's could lead to a file of ours that was meant for something else.
        owner = path.lstat().st_uid
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            content = file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsRefused(f"{path} cannot be read: {error.strerror}") from None
    if named:
        return content
    others = [one for one in (owner, found.st_uid) if one not in (os.geteuid(), 0)]
    if others:
        raise SettingsRefused(
            f"{path} belongs to another user (uid {others[0]}), so it is not used; run the "
            f"command in another folder, or, if you trust the file, with {_FILE_VARIABLE}={path}"
        )
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise SettingsRefused(
            f"{path} can be written by others, so it is not used; run: chmod go-w {path}"
        )
    return content


def settings_file() -> tuple[Path, bool]:
    """The settings file, which need not exist, and whether somebody named it."""
    named = os.environ.get(_FILE_VARIABLE)
    return (Path(named), True) if named else (Path(FILE).absolute(), False)


def of_file() -> Place:
    """The settings file.

    Raises:
        SettingsRefused: it is not ours, is named and not there, or is no TOML.
    """
    path, named = settings_file()
    content = trusted_bytes(path, named=named)
    if content is None and named:
        raise SettingsRefused(f"{_FILE_VARIABLE} names {path}, which does not exist")
    try:
        values = tomllib.loads((content or b"").decode())
    except ValueError as error:  # Also of bytes that are no text.
        raise SettingsRefused(f"{path} is not valid TOML: {error}") from None
    return Place(lambda names: f"{path}: {'.'.join(names)}", values)


def of_up(home: Path, known: Mapping[str, Any]) -> Place:
    """What `finality up` of this home tells the other commands.

    Raises:
        SettingsRefused: home or file is another's, or it is no JSON.
    """
    path = (home / UP_FILE).absolute()
    if home.exists() and (owner := home.stat().st_uid) not in (os.geteuid(), 0):
        raise SettingsRefused(
            f"the home {home.absolute()} belongs to another user (uid {owner}); run the command as "
            "that user, or set FINALITY_HOME to a folder of your own"
        )
    try:
        found = json.loads(trusted_bytes(path) or b"{}")
    except ValueError:
        raise SettingsRefused(f"{path} is not valid JSON; start `finality up` again") from None
    # It also has what is no setting, for people and scripts.
    written = {name: value for name, value in found.items() if name in known or name in FORMER}
    return Place(lambda names: f"{path}: {'.'.join(names)}", written)


class Variables(EnvSettingsSource):
    """Variables of the environment, each under today's name."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        given, names = self._given(), dict[str, str]()
        for name in given:
            first, nested, rest = _bare(name).lower().partition("__")
            today = PREFIX.lower() + "__".join(FORMER.get(first, (first,))) + nested + rest
            if today in names:
                raise _set_twice(names[today], name)
            names[today] = name
        return {today: given[name] for today, name in names.items()}

    def _given(self) -> Mapping[str, str]:
        return {name: value for name, value in os.environ.items() if _is_ours(name)}

    def no_json(self) -> list[str]:
        """The names whose values look like JSON and are not."""
        return [
            name
            for name, value in self._given().items()
            if value.lstrip()[:1] in ("{", "[") and _as_table(value) is value
        ]

    def place(self, name: Callable[[Sequence[str]], str]) -> Place:
        """The same as tables, with former names where those are used."""
        tables: dict[str, Any] = {}
        for given, value in self._given().items():
            *outer, last = _bare(given).lower().split("__")
            table = tables
            for each in outer:
                inner = table.setdefault(each, {})
                table = inner if isinstance(inner, dict) else {}
            table.setdefault(last, _as_table(value))
        return Place(name, tables)


class Secrets(Variables):
    """Files of `FINALITY_SECRETS_DIR`: each is named as the variable would be, in any case and
    with or without FINALITY_, such as `partners__currencycloud__main__api_key`."""

    def _given(self) -> Mapping[str, str]:
        return {
            f"{PREFIX}{_bare(file.name)}": file.read_text().removesuffix("\n")
            for file in secret_files()
        }


def secret_files() -> list[Path]:
    """The files there, without hidden ones: Kubernetes keeps its versions in those.

    Raises:
        SettingsRefused: the folder is not there or cannot be read, or a file is no secret.
    """
    if not (folder := os.environ.get(_SECRETS_VARIABLE)):
        return []
    try:
        files = [each for each in sorted(Path(folder).iterdir()) if each.name[0] != "."]
        for file in files:
            if not file.is_file() or file.stat().st_size > _SECRET_BYTES_MAX:
                raise SettingsRefused(
                    f"{file} is not a secret: it is not a plain file, or larger than 64 KiB"
                )
            file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsRefused(f"{_SECRETS_VARIABLE}={folder} cannot be read: {error}") from None
    return files


def _is_ours(name: str) -> bool:
    return name.upper().startswith(PREFIX)


def _bare(name: str) -> str:
    return name[len(PREFIX) :] if _is_ours(name) else name


def refuse_unknown(settings: type[BaseSettings]) -> None:
    """Look for variables and secret files that set nothing: a typing error would go unnoticed.

    Raises:
        SettingsRefused: there are some.
    """
    known = [*settings.model_fields, *FORMER]
    wrong = []
    for variable in sorted(os.environ):
        if not _is_ours(variable) or variable in _OTHERS:
            continue
        first = _bare(variable).lower().partition("__")[0]
        if first not in known and not _OF_KUBERNETES.fullmatch(variable):
            wrong.append(f"{variable}: {_unknown(first, known)}")
    for file in secret_files():
        first = _bare(file.name).lower().partition("__")[0]
        if first not in known:
            wrong.append(f"{file}: {_unknown(first, known)}")
    if wrong:
        raise SettingsRefused("\n".join(wrong))


def refused(
    error: ValidationError, settings: type[BaseModel], places: Sequence[Place]
) -> SettingsRefused:
    """The same in words: which setting, of which place, and the nearest known name.

    No value is told: it may be a secret.
    """
    lines = []
    for problem in error.errors(include_input=False, include_url=False, include_context=False):
        names = [str(part) for part in problem["loc"]]
        text = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            text = _unknown(names[-1], _names_beside(settings, problem["loc"]))
        lines.append(f"{_place_of(names, places)}: {text}")
    return SettingsRefused("\n".join(lines))


def _place_of(names: Sequence[str], places: Sequence[Place]) -> str:
    """Where it stands; of one that is missing, where its table stands."""
    for missing in range(len(names)):
        for place in places:
            for spelt in _spellings(names):
                table = spelt[: len(spelt) - missing]
                if table and place.has(table):
                    return place.name(spelt)
    return PREFIX + "__".join(names).upper()


def _spellings(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Today's names of a setting, then its former ones."""
    names = tuple(names)
    return [names] + [
        (former, *names[len(today) :])
        for former, today in FORMER.items()
        if names[: len(today)] == today
    ]


def _set_twice(*names: str) -> SettingsRefused:
    return SettingsRefused(f"{' and '.join(names)} are two names of one setting; remove one")


def _as_table(value: str) -> Any:
    """A table or list that is written as JSON; any other value as it is."""
    try:
        return json.loads(value) if value.lstrip()[:1] in ("{", "[") else value
    except ValueError:
        return value


def _unknown(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name.lower(), list(known), n=1, cutoff=0.6)
    meant = [".".join(FORMER.get(each, (each,))) for each in near]
    return f"there is no setting {name!r}" + (f"; is {meant[0]!r} meant?" if meant else "")


def _names_beside(settings: type[BaseModel], at: Sequence[str | int]) -> list[str]:
    """Names that the table knows in which an unknown one stands."""
    kind: Any = settings
    for part in at[:-1]:
        model = next(_models(kind), None)
        inner = get_args(kind)
        if model is not None and not _is_table(kind):
            field = model.model_fields.get(str(part))
            kind = field.annotation if field else None
        else:
            kind = inner[-1] if inner else None
    model = next(_models(kind), None)
    names = list(model.model_fields) if model else []
    return [*names, *FORMER] if model is settings else names


def _is_table(kind: Any) -> bool:
    """Whether one name more leads to a model: a dict of them, or a list."""
    return getattr(kind, "__origin__", None) in (dict, tuple, list)


def _models(kind: Any) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for inner in get_args(kind):
        yield from _models(inner)
