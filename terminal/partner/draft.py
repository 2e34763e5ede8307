"""The files of the model partner, on their way to a partner of another name.

The model is `examples/harbour` with its tests, which are run as they are. There is no second copy
that could go stale. If the model changes so that a variation no longer fits, the command says so,
and so does its test.
"""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from typing import Final

from domain.explained import Explained
from partners.kit.registration import Registry

_MODEL: Final = Path("examples/harbour")
_MODEL_TESTS: Final = Path("tests/partners/harbour")
_NAME: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", re.ASCII)
_NAME_LENGTH_MAX: Final = 20
#: Folders beside the partners', and names that would hide a class of the kit or of the model.
_TAKEN: Final = frozenset({"kit", "interface", "registry", "partner", "conformance", "harbour"})


class NoModel(Explained):
    """There is nothing to copy from, or it does not fit this command."""


class NameRefused(Explained):
    """The name cannot be that of a partner; the text has the remedy."""


def check_name(name: str) -> None:
    """Check that a partner may be called that.

    Raises:
        NameRefused: it may not.
    """
    remedy = "choose another, such as 'acme_bank'"
    if not _NAME.fullmatch(name) or len(name) > _NAME_LENGTH_MAX:
        remedy = f"give up to {_NAME_LENGTH_MAX} small letters, digits and _, a letter first"
    elif not (keyword.iskeyword(name) or name in _TAKEN or hasattr(Registry, name)):
        return
    raise NameRefused(f"NAME cannot be {name[:40]!r}; {remedy}")


class Draft:
    """The model's files by their path in the model; its tests are in `tests/`.

    Args:
        root: the tree that has the model, and gets the partner.

    Raises:
        NoModel: the tree does not have it.
    """

    def __init__(self, root: Path) -> None:
        for folder in (_MODEL, _MODEL_TESTS):
            if not (root / folder).is_dir():
                raise NoModel(
                    f"there is no {folder} in {root}; the model partner is part of the source and "
                    "is not installed with the package: run the command in a clone, or name one "
                    "with --into"
                )
        self.files = {
            **_read(root / _MODEL),
            **{f"tests/{path}": text for path, text in _read(root / _MODEL_TESTS).items()},
        }

    def change(self, path: str, old: str, new: str) -> None:
        """Replace a text that is in the file exactly once.

        Raises:
            NoModel: it is not.
        """
        if self.files[path].count(old) != 1:
            raise self._changed(path, old)
        self.files[path] = self.files[path].replace(old, new)

    def first(self, path: str, old: str, new: str) -> None:
        """Replace a text where it comes first.

        Raises:
            NoModel: it is not there.
        """
        if old not in self.files[path]:
            raise self._changed(path, old)
        self.files[path] = self.files[path].replace(old, new, 1)

    def cut(self, path: str, begin: str, end: str) -> None:
        """Remove all from one text to just before another; to the end of the file if it is empty.

        Raises:
            NoModel: one of them is not there.
        """
        before, found, rest = self.files[path].partition(begin)
        if not found or end not in rest:
            raise self._changed(path, end if found else begin)
        after = f"{end}{rest.partition(end)[2]}" if end else ""
        self.files[path] = before + after if after else f"{before.rstrip()}\n"

    def _changed(self, path: str, text: str) -> NoModel:
        line = text.strip().splitlines()[0]
        return NoModel(
            f"the model partner's {path} has changed: {line!r} is not there once; correct the "
            "text in terminal/partner/"
        )

    def renamed(self, name: str, title: str) -> dict[str, str]:
        """The files of a partner of that name, by their path in the tree."""
        camel = "".join(part.capitalize() for part in name.split("_"))
        words = (
            ("tests.partners.harbour", f"tests.partners.{name}"),
            ("examples.harbour.simulator", f"simulators.{name}"),
            ("examples.harbour", f"partners.{name}"),
            ('Command("Harbour"', f'Command("{name}"'),
            ("Harbour Bank", title),
            ("Harbour-", f"{name.replace('_', '-').title()}-"),
            ('"harbour-', f'"{name.replace("_", "-")}-'),
            ("Harbour", camel),
            ("HARBOUR", name.upper()),
            ("harbour", name),
        )
        renamed = {}
        for path, text in self.files.items():
            for old, new in words:
                text = text.replace(old, new)
            renamed[place(path, name)] = text
        return renamed


def folders(name: str) -> tuple[str, ...]:
    """The folders that a partner has, in the tree."""
    return (f"partners/{name}", f"simulators/{name}", f"tests/partners/{name}")


def place(path: str, name: str) -> str:
    """Where a file of the model goes, in the tree."""
    adapter, simulator, tests = folders(name)
    for beginning, folder in (("simulator/", simulator), ("tests/", tests)):
        if path.startswith(beginning):
            return f"{folder}/{path.removeprefix(beginning)}"
    return f"{adapter}/{path}"


def _read(folder: Path) -> dict[str, str]:
    files = (file for file in sorted(folder.rglob("*")) if file.suffix in (".py", ".md"))
    return {str(file.relative_to(folder)): file.read_text() for file in files}
