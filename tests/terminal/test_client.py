"""The Python client as its users have it: README's snippet, and its wheel in another project."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

from local.demo_file import DEBTOR_IBAN
from local.stack import Stack
from tests.conftest import ROOT
from tests.terminal.conftest import Ran, Terminal

CLIENT = ROOT / "clients" / "python"
#: Of the snippet in README, where `finally up` has other ports and maps another account.
_ADDRESS = "http://127.0.0.1:8237"
_DEBTOR = "DE89370400440532013000"


def new_key(terminal: Terminal, name: str) -> str:
    made = terminal.run("api-key", "new", "--name", name, "--json")
    assert made.code == 0, made.err
    return str(made.rows[0]["key"])


def snippet(stack: Stack) -> str:
    """README's, for this stack."""
    (found,) = re.findall(
        r"```python\n(import os\n\nfrom finality_client.*?)```",
        (ROOT / "README.md").read_text(),
        re.DOTALL,
    )
    assert _ADDRESS in found
    assert _DEBTOR in found
    address = f"http://127.0.0.1:{stack.ports.api}"
    return str(found).replace(_ADDRESS, address).replace(_DEBTOR, DEBTOR_IBAN)


def ran(python: Path | str, program: Path, key: str, **environment: str) -> Ran:
    given = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [python, program],
        cwd=program.parent,
        env={**given, "FINALITY_API_KEY": key, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def test_the_snippet_of_the_readme_pays_once(
    terminal: Terminal, stack: Stack, tmp_path: Path
) -> None:
    key = new_key(terminal, "readme")
    program = tmp_path / "first.py"
    program.write_text(snippet(stack))
    first = ran(sys.executable, program, key, PYTHONPATH=str(CLIENT))
    assert first.code == 0, first.err
    assert re.match(r"pay_\S+ settled\n\w+", first.out)
    again = ran(sys.executable, program, key, PYTHONPATH=str(CLIENT))
    assert (again.code, again.out.split()[0]) == (0, first.out.split()[0]), again.err


def wheel(folder: Path) -> Path:
    """The client's wheel, built as a release is."""
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=CLIENT, capture_output=True, text=True, check=False, timeout=110,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    (made,) = folder.glob("*.whl")
    return made


def test_the_wheel_pays_in_a_project_whose_modules_have_our_names(
    terminal: Terminal, stack: Stack, tmp_path: Path
) -> None:
    made = wheel(tmp_path / "dist")
    names = {name.partition("/")[0] for name in zipfile.ZipFile(made).namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"finality_client"}
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True, symlinks=True)
    python = environment / "bin" / "python"
    installed = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", made],
        capture_output=True, text=True, check=False, timeout=110,
    )  # fmt: skip
    assert installed.returncode == 0, installed.stderr
    # httpx and pydantic, as they are locked. An editable install there is not followed from here.
    (site,) = (environment / "lib").glob("python*/site-packages")
    (site / "locked.pth").write_text(sysconfig.get_paths()["purelib"])

    project = tmp_path / "shop"
    for room in ("domain", "store", "workflows"):
        (project / room).mkdir(parents=True)
        (project / room / "__init__.py").write_text("MINE = True\n")
    (project / "settings.py").write_text("MINE = True\n")
    program = project / "main.py"
    program.write_text(
        "import domain, settings, store, workflows\n"
        f"{snippet(stack).replace('4713', '4714')}\n"
        "assert all(each.MINE for each in (domain, settings, store, workflows))\n"
        "import finality_client\n"
        "print(finality_client.__file__)\n"
    )
    paid = ran(python, program, new_key(terminal, "shop"))
    assert paid.code == 0, paid.err
    assert " settled\n" in paid.out
    assert paid.out.splitlines()[-1].startswith(str(site))
