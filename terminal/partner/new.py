"""`finality partner new`: the model partner under a new name, changed by the answers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from domain.explained import Explained
from terminal.partner.draft import Draft, check_name, folders, place
from terminal.partner.marks import MARK, mark
from terminal.partner.questions import QUESTIONS, Answers
from terminal.partner.variations import vary
from terminal.screen import Screen

#: The tree that this command is in.
OWN_TREE: Final = Path(__file__).resolve().parents[2]
_REGISTRY: Final = "partners/registry.py"


class AlreadyThere(Explained):
    """A partner of that name exists, or part of one; nothing is overwritten."""


class NotWritten(Explained):
    """The tree refused a file."""


def check_free(root: Path, name: str) -> None:
    """Check that a partner of that name can be written, before anything is asked about it.

    Raises:
        NameRefused: it cannot be called that.
        NoModel: there is no model to copy from.
        AlreadyThere: a folder of that name exists.
    """
    check_name(name)
    Draft(root)
    for folder in folders(name):
        if (root / folder).exists():
            raise AlreadyThere(
                f"{folder} is in {root} already, and is not overwritten; choose another NAME, or "
                "move the folder away"
            )


def write_partner(root: Path, name: str, answers: Answers, screen: Screen) -> None:
    """Write the partner's three folders, and print what is to be done by hand.

    Raises:
        NoModel: the model has changed so that an answer no longer fits.
        NotWritten: a file cannot be written; the folders that were begun stay.
    """
    draft = Draft(root)
    vary(draft, answers)
    texts = mark(draft, answers)
    draft.cut("README.md", "# Harbour Bank\n", "**")
    left = {place(path, name): each for path, each in texts.items()}
    draft.files["README.md"] = _readme(draft.files["README.md"], answers, left)
    try:
        for path, text in draft.renamed(name, answers["title"]).items():
            _write(root / path, text)
    except OSError as error:
        raise NotWritten(
            f"{error.filename} cannot be written: {error.strerror}; remove what was begun of "
            f"{', '.join(folders(name))}, and name a folder of yours with --into"
        ) from None
    is_tidy = _tidied(root, folders(name))
    screen.print(f"Written: {', '.join(folders(name))}.")
    # Lines to be copied are not broken.
    screen.print(_next_steps(name, answers, is_tidy), soft_wrap=True)


def _write(file: Path, text: str) -> None:
    """Source is for everybody who reads the tree, unlike other files of the command."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.parent.chmod(0o755)
    file.chmod(0o644)


def _tidied(root: Path, paths: Iterable[str]) -> bool:
    """Sort the imports, drop those that no answer needs, and break the lines; False: no ruff."""
    if find_spec("ruff") is None:
        return False
    for command in (("check", "--fix", "--quiet", "--select", "I,F401"), ("format", "--quiet")):
        subprocess.run([sys.executable, "-m", "ruff", *command, *paths], cwd=root, check=True)
    return True


def _readme(protocol: str, answers: Answers, texts: Mapping[str, list[str]]) -> str:
    """The partner's page: what was answered, what is left, and the protocol it begins with."""
    questions = {each.option: each for each in QUESTIONS}
    rows = "".join(
        f"| {questions[option].text} | {answer} |\n"
        for option, answer in answers.items()
        if option != "title"
    )
    left = "".join(f"- `{path}`: {text}.\n" for path, each in texts.items() for text in each)
    return (
        "# Harbour Bank\n\n"
        "Written by `finality partner new`, and not connected to the partner yet: it speaks the "
        "protocol below, and so\ndoes its simulator.\n\n"
        f"## What was answered\n\n| question | answer |\n| --- | --- |\n{rows}\n"
        f"## What is left\n\nEach place has a comment `{MARK}`. `tests/partners/test_filled.py` "
        "fails until none is left; the conformance\nsuite passes from the beginning, and should "
        f"after each change.\n\n{left}\n"
        "Then replace this page by the partner's quirks, with links to its documentation.\n\n"
        f"## The protocol that it begins with\n\n{protocol}"
    )


def _next_steps(name: str, answers: Answers, is_tidy: bool) -> str:
    camel = "".join(part.capitalize() for part in name.split("_"))
    login = {"token": ("client_id", "client_secret")}.get(
        answers["authentication"], ("customer", "api_key")
    )
    hook = 'webhook_secret = "…"\n' if answers["news"] == "webhooks" else ""
    cautions = _cautions(answers)
    return (
        f"\nAdd to {_REGISTRY}:\n\n"
        f"from partners.{name}.account import {camel}Account\n"
        f"from partners.{name}.registration import {name.upper()}\n\n"
        f"    {name}: Annotated[dict[str, {camel}Account], {name.upper()}] = "
        "Field(default_factory=dict)\n"
        f'    """our {answers["title"]} accounts, by a name of ours"""\n\n'
        "An account in the settings, for example in finality.toml:\n\n"
        f"[partners.{name}.main]\n"
        'base_url = "https://…"\n'
        f'{login[0]} = "…"\n{login[1]} = "…"\n{hook}\n'
        "Then:\n\n"
        + ("" if is_tidy else "    ruff check --fix . && ruff format .      (ruff is not here)\n")
        + f"    python -m pytest tests/partners/conformance -k {name}\n"
        f"    python -m pytest tests/partners/{name} tests/partners/test_filled.py\n"
        "    make docs\n\n"
        f"partners/{name}/README.md lists what has to be filled in.{cautions}"
    )


def _cautions(answers: Answers) -> str:
    """What the answers mean for payments in doubt."""
    found = []
    if answers["lookup"] == "none":
        found.append(
            "Without a look-up, a payment in doubt that may not be sent again waits for a "
            "statement or a person."
        )
    if answers["lookup"] == "eventual":
        found.append(
            "An empty answer of a look-up that lags proves nothing until the adapter answers "
            "Absent(watermark=True), when it shows something younger than our send."
        )
    if answers["client-certificate"] == "yes":
        found.append(
            "client.py is marked where the transport has to present the client certificate."
        )
    return "".join(f"\n{each}" for each in found)
