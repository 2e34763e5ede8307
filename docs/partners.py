"""Quotes the model partner's code in `docs/partners.md`, so that the page shows what is run.

The prose is written in the page itself. A line `<!-- examples/harbour/FILE: NAMES -->` stands above
each quotation; the code between the fences below it is replaced by the file, or by what it defines
under those names. Run as `python -m docs.partners`; a test quotes it again and compares.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Final

FILE: Final = Path(__file__).with_suffix(".md")
_ROOT: Final = FILE.parents[1]
_QUOTATION: Final = re.compile(
    r"(?P<mark>^<!-- (?P<path>[\w/]+\.py)(?:: (?P<names>[\w., ]+))? -->\n\n```python\n).*?^```$",
    re.DOTALL | re.MULTILINE,
)


def write() -> str:
    """The page, with today's code in it."""
    return _QUOTATION.sub(
        lambda found: f"{found['mark']}{_quoted(found['path'], found['names'])}\n```",
        FILE.read_text(),
    )


def _quoted(path: str, names: str | None) -> str:
    source = (_ROOT / path).read_text()
    if names is None:
        return source.strip()
    return "\n\n\n".join(_defined(source, name.strip()) for name in names.split(","))


def _defined(source: str, name: str) -> str:
    """The lines that define a name, such as `Harbour.submit`.

    Raises:
        LookupError: the file does not define it.
    """
    nodes: list[ast.stmt] = ast.parse(source).body
    found: ast.stmt | None = None
    for part in name.split("."):
        found = next((node for node in nodes if part in _names(node)), None)
        if found is None:
            raise LookupError(f"{name} is not defined; correct the mark in {FILE.name}")
        nodes = getattr(found, "body", [])
    assert found is not None
    decorators = [each.lineno for each in getattr(found, "decorator_list", [])]
    first = min([found.lineno, *decorators])
    return dedent("\n".join(source.splitlines()[first - 1 : found.end_lineno]))


def _names(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield name
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name
        case ast.Assign(targets=targets):
            yield from (each.id for each in targets if isinstance(each, ast.Name))


if __name__ == "__main__":
    FILE.write_text(write())
