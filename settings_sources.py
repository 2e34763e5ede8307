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
    values: Mapping[str, Any]

    def has(self, names: Sequence[str]) -> bool:
        """Whether a setting, or the table it is in, stands there."""
        found: Any = self.values
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
    values = {name: value for name, value in found.items() if name in known}
    return Place(lambda names: f"{path}: {'.'.join(names)}", values)


class Secrets(EnvSettingsSource):
    """Files of `FINALITY_SECRETS_DIR`: each is named as the variable would be, in any case and
    with or without FINALITY_, such as `currencycloud__main__api_key`."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {
            f"{PREFIX}{_bare(file.name)}".lower(): file.read_text().removesuffix("\n")
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


def _bare(name: str) -> str:
    return name[len(PREFIX) :] if name.upper().startswith(PREFIX) else name


def refuse_unknown(settings: type[BaseSettings]) -> None:
    """Look for variables and secret files that set nothing: a typing error would go unnoticed.

    Raises:
        SettingsRefused: there are some.
    """
    known = settings.model_fields
    wrong = []
    for variable in sorted(os.environ):
        if not variable.upper().startswith(PREFIX) or variable in _OTHERS:
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
    for length in range(len(names), 0, -1):
        for place in places:
            if place.has(names[:length]):
                return place.name(names)
    return PREFIX + "__".join(names).upper()


def _unknown(name: str, known: Mapping[str, Any] | Sequence[str]) -> str:
    near = get_close_matches(name.lower(), list(known), n=1, cutoff=0.6)
    return f"there is no setting {name!r}" + (f"; is {near[0]!r} meant?" if near else "")


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
    return list(model.model_fields) if model else []


def _is_table(kind: Any) -> bool:
    """Whether one name more leads to a model: a dict of them, or a list."""
    return getattr(kind, "__origin__", None) in (dict, tuple, list)


def _models(kind: Any) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for inner in get_args(kind):
        yield from _models(inner)
