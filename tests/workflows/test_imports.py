"""Workflow code may import little: a test holds the list, and a fresh process proves it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

ALLOWED = frozenset({"temporalio", "pydantic", "domain", "activities", "workflows"})
NOT_LOADED = ("httpx", "sqlmodel", "sqlalchemy", "cryptography", "lxml", "store", "partners")
WORKFLOWS = (
    "workflows.payment", "workflows.consent", "workflows.feed", "workflows.upkeep",
    "workflows.payment_end",
)  # fmt: skip
#: Rooms whose code replays, so that it must do the same each time.
REPLAYED = ("workflows", "domain")
#: Modules that ask for the time, chance, or what is outside of this program.
ACTING = frozenset(
    {"io", "os", "pathlib", "random", "secrets", "shutil", "socket", "subprocess", "sys",
     "tempfile", "threading", "time", "uuid"}
)  # fmt: skip
#: Methods that ask for the time; `workflow.now` tells the same in each replay.
CLOCKS = frozenset({"now", "utcnow", "today", "monotonic"})


def _file(module: str) -> Path | None:
    """The file of one of our own modules."""
    path = ROOT / Path(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.exists():
            return candidate
    return None


def _imports(file: Path) -> set[str]:
    """What is imported when the module runs: not what is there for type checkers alone."""
    found: set[str] = set()
    todo: list[ast.AST] = [ast.parse(file.read_text())]
    while todo:
        node = todo.pop()
        match node:
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                todo += node.orelse
            case ast.Import():
                found |= {alias.name for alias in node.names}
            case ast.ImportFrom(module=str(module)):
                found.add(module)
            case _:
                todo += ast.iter_child_nodes(node)
    return found


def _reached(start: str) -> dict[str, str]:
    """Every module reached from one, with who imports it."""
    reached, todo = {start: "the worker"}, [start]
    while todo:
        importer = todo.pop()
        file = _file(importer)
        for module in _imports(file) if file else ():
            if module not in reached:
                reached[module] = importer
                todo.append(module)
    return reached


@pytest.mark.parametrize("start", WORKFLOWS)
def test_workflows_reach_only_what_they_may(start: str) -> None:
    for module, importer in _reached(start).items():
        room = module.partition(".")[0]
        assert room in ALLOWED or room in sys.stdlib_module_names, f"{importer} imports {module}"


@pytest.mark.parametrize(
    "file", [file for room in REPLAYED for file in sorted((ROOT / room).rglob("*.py"))], ids=str
)
def test_what_replays_asks_for_no_time_and_no_chance(file: Path) -> None:
    """Workflows run without the SDK's sandbox, which would refuse that when it happens."""
    assert not _imports(file) & ACTING
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="workflow"), attr="now")):
                continue
            case ast.Call(func=ast.Attribute(attr=str(name))):
                assert name not in CLOCKS, f"line {node.lineno}"
            case ast.Call(func=ast.Name(id=str(name))):
                assert name not in CLOCKS | {"open", "input", "id", "hash"}, f"line {node.lineno}"


def test_the_search_follows_imports_within_our_rooms() -> None:
    reached = _reached("workflows.payment")
    assert {"domain.lifecycle.sending", "activities.partner_steps", "domain.currencies"} <= set(
        reached
    )


def test_importing_a_workflow_loads_no_library_that_acts() -> None:
    program = (
        f"import sys, {', '.join(WORKFLOWS)}\n"
        f"print([name for name in {NOT_LOADED!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
