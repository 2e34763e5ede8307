"""`finality partner new`: what it refuses, and that what it writes is a working partner."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from terminal.partner import new
from terminal.partner.draft import Draft, NameRefused, NoModel, check_name, folders
from terminal.partner.marks import MARK, mark
from terminal.partner.new import AlreadyThere, check_free, write_partner
from terminal.partner.questions import QUESTIONS, AnswerRefused, answered
from terminal.partner.variations import vary
from terminal.screen import Screen
from tests.conftest import ROOT

#: As careful and as plain as a partner can be.
ANSWERS: Final = {
    "title": "Acme Bank",
    "moves": "credit-transfers",
    "authentication": "token",
    "client-certificate": "no",
    "idempotency": "replay-state",
    "key-lasts": "24",
    "lookup": "strong",
    "settle-delay": "5",
    "cancel": "yes",
    "watch": "14",
    "readable": "ever",
    "news": "webhooks",
}
#: As different from it as a partner can be.
OTHER: Final = {
    **{name: each for name, each in ANSWERS.items() if name not in ("key-lasts", "settle-delay")},
    "title": "Beta & Sons",
    "authentication": "header",
    "client-certificate": "yes",
    "idempotency": "none",
    "lookup": "none",
    "cancel": "no",
    "readable": "90",
}
COLLECTS: Final = {
    **ANSWERS,
    "title": "Gamma Pay",
    "moves": "collections",
    "idempotency": "replay-response",
    "caches-errors": "yes",
    "key-lasts": "unknown",
    "lookup": "eventual",
    "news": "polling",
}


def _complete(given: Mapping[str, str]) -> dict[str, str]:
    """The answers, none of which has to be asked."""
    return answered(given, lambda question: pytest.fail(f"asked for {question.option}"))


def _run(tree: Path, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """The command of that tree, as somebody runs it whose answers come from `given`."""
    return subprocess.run(
        [sys.executable, "-m", "cli", "partner", "new", *arguments],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )


def _options(answers: Mapping[str, str]) -> list[str]:
    return [word for name, answer in answers.items() for word in (f"--{name}", answer)]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A tree with the model alone."""
    for folder in ("examples/harbour", "tests/partners/harbour"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


# What is refused


@pytest.mark.parametrize(
    "name",
    ["", "Acme", "acme-bank", "1acme", "acme__bank", "acme_", "class", "kit", "registry", "harbour",
     "accounts", "model_fields", "../acme", "acme bank", "a" * 21, "ácme"],
)  # fmt: skip
def test_a_name_that_no_folder_or_setting_can_have_is_refused_with_the_remedy(name: str) -> None:
    with pytest.raises(NameRefused, match=r"NAME cannot be .*; (give|choose)"):
        check_name(name)


@pytest.mark.parametrize("name", ["acme", "acme_bank", "n26", "a" * 20])
def test_other_names_are_taken(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    ("option", "answer", "remedy"),
    [
        ("title", '"""', "letters"),
        ("title", "x" * 31, "2 to 30"),
        ("moves", "both", "credit-transfers, collections"),
        ("authentication", "oauth", "token, bearer, header"),
        ("client-certificate", "perhaps", "yes, no"),
        ("idempotency", "replay", "replay-state"),
        ("key-lasts", "0", "1 to 8784, or unknown"),
        ("key-lasts", "1.5", "whole number"),
        ("settle-delay", "soon", "whole number"),
        ("watch", "401", "1 to 400"),
        ("readable", "-1", "or ever"),
    ],
)
def test_an_answer_that_cannot_be_used_is_refused_by_its_option(
    option: str, answer: str, remedy: str
) -> None:
    with pytest.raises(AnswerRefused, match=rf"^--{option} cannot be .*{remedy}"):
        _complete({**ANSWERS, option: answer})


def test_an_answer_that_means_nothing_with_the_others_is_refused() -> None:
    with pytest.raises(AnswerRefused, match="--key-lasts cannot be '24'; leave it out"):
        _complete({**OTHER, "key-lasts": "24"})
    with pytest.raises(AnswerRefused, match="--caches-errors"):
        _complete({**ANSWERS, "caches-errors": "yes"})


def test_what_is_there_is_not_overwritten(small: Path) -> None:
    check_free(small, "acme")
    (small / "simulators" / "acme").mkdir(parents=True)
    with pytest.raises(AlreadyThere, match=r"simulators/acme is in .* already"):
        check_free(small, "acme")


def test_a_tree_without_the_model_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(NoModel, match=r"examples/harbour in .* --into"):
        check_free(tmp_path, "acme")


def test_a_tree_that_refuses_a_file_is_named_with_the_remedy(small: Path) -> None:
    (small / "simulators").write_text("a file where a folder goes")
    with pytest.raises(new.NotWritten, match=r"simulators.* cannot be written: .*--into"):
        write_partner(small, "acme", _complete(ANSWERS), Screen())


def test_a_model_that_has_changed_is_noticed_before_anything_is_written(small: Path) -> None:
    file = small / "examples" / "harbour" / "client.py"
    file.write_text(file.read_text().replace("_find_cancelled", "_look_for_cancelled"))
    with pytest.raises(NoModel, match=r"client\.py has changed: .* correct"):
        write_partner(small, "beta", _complete(OTHER), Screen())
    assert not (small / "partners").exists()


# What is asked


def test_whatever_no_option_answers_is_asked_until_the_answer_is_possible(small: Path) -> None:
    left_out = ("idempotency", "key-lasts", "watch")
    given = {name: each for name, each in ANSWERS.items() if name not in left_out}
    ran = _run(
        ROOT, "acme", "--into", str(small), *_options(given), given="maybe\nreplay-state\n24\n\n"
    )
    assert ran.returncode == 0, ran.stderr
    assert "repeats the first answer" in ran.stdout, "each choice is explained"
    assert "--idempotency cannot be 'maybe'" in ran.stdout
    profile = (small / "partners" / "acme" / "profile.py").read_text()
    assert "REPLAY_STATE, window=timedelta(hours=24)" in profile
    assert "timedelta(days=14)" in profile, "the default that was accepted"


def test_without_an_answer_nothing_is_written_and_the_option_is_named(small: Path) -> None:
    given = {name: each for name, each in ANSWERS.items() if name != "lookup"}
    ran = _run(ROOT, "acme", "--into", str(small), *_options(given))
    assert ran.returncode == 2
    assert "--lookup" in ran.stderr
    assert "strong | eventual | none" in ran.stderr
    assert not (small / "partners").exists()


# What is written


def _combinations() -> Iterator[dict[str, str]]:
    """Every combination of answers that have choices."""
    choices = {each.option: tuple(each.choices) for each in QUESTIONS if each.choices}
    for combined in itertools.product(*choices.values()):
        given = {**ANSWERS, **dict(zip(choices, combined, strict=True))}
        # The longest that is allowed: no line may become too long.
        given["title"] = "The Bank of Long Names & Sons."
        yield {each.option: given[each.option] for each in QUESTIONS if each.applies(given)}


def test_every_combination_of_answers_fits_the_model(small: Path) -> None:
    combinations = list(_combinations())
    for answers in combinations:
        draft = Draft(small)
        vary(draft, answers)
        assert mark(draft, answers)
    assert len(combinations) > 500


def test_what_is_written_is_tidy_and_does_not_speak_of_the_model(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tidied = new._tidied
    monkeypatch.setattr(new, "_tidied", lambda root, paths: True)
    written: list[str] = []
    # By this step each answer meets each other one somewhere.
    for number, answers in enumerate(itertools.islice(_combinations(), 0, None, 31)):
        name = f"as_long_as_it_can_{number:02}"
        write_partner(small, name, answers, Screen(stderr=True))
        written += folders(name)
    assert len(written) > 3 * 15
    assert tidied(small, written)
    checked = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--output-format", "concise", *written],
        cwd=small,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
    for file in (small / "partners").rglob("*"):
        text = file.read_text() if file.is_file() else ""
        assert "harbour" not in text.lower(), f"{file} still speaks of the model"


@pytest.mark.parametrize("answers", [ANSWERS, OTHER, COLLECTS], ids=lambda each: each["title"])
def test_the_page_lists_the_answers_and_every_place_to_fill_in(
    small: Path, answers: dict[str, str]
) -> None:
    write_partner(small, "acme", _complete(answers), Screen())
    page = (small / "partners" / "acme" / "README.md").read_text()
    marks = 0
    for folder in folders("acme"):
        for file in (small / folder).rglob("*.py"):
            found = file.read_text().count(f"# {MARK}:")
            marks += found
    assert marks >= 10
    assert page.count("\n- `") == marks
    assert all(f"| {each} |\n" in page for name, each in answers.items() if name != "title")
    assert "- `tests/partners/acme/words.py`: " in page
    assert ("webhooks.py" in page) == (answers["news"] == "webhooks")


def _add_to_registry(tree: Path, printed: str) -> None:
    """Do with the printed lines what the command says."""
    imports = "".join(f"{line}\n" for line in re.findall(r"^from partners\..*$", printed, re.M))
    line = re.search(r"^    \w+: Annotated.*\n    \"\"\".*\"\"\"$", printed, re.M)
    assert line, printed
    file = tree / "partners" / "registry.py"
    text = file.read_text().replace("\n\n\nclass Partners", f"\n{imports}\n\nclass Partners")
    file.write_text(f"{text}{line.group()}\n")


@pytest.mark.timeout(1200)
def test_what_is_written_passes_the_conformance_suite_and_every_check_at_once(
    tmp_path: Path,
) -> None:
    tree = tmp_path / "tree"
    left_out = shutil.ignore_patterns(".*", "__pycache__", "replay", "benchmarks", "*.lock")
    shutil.copytree(ROOT, tree, ignore=left_out)
    made = {"beta_sons": OTHER, "gamma": COLLECTS}
    for name, answers in made.items():
        ran = _run(tree, name, *_options(answers))
        assert ran.returncode == 0, ran.stderr
        _add_to_registry(tree, ran.stdout)
    new._tidied(tree, ["partners/registry.py"])
    written = [folder for name in made for folder in folders(name)]
    commands = (
        ("ruff", "check", *written, "partners/registry.py"),
        ("ruff", "format", "--check", *written, "partners/registry.py"),
        ("mypy", *written, "partners/registry.py"),
        ("pytest", "-q", "-p", "no:cacheprovider", "-n", "2", "tests/partners/conformance",
         *(f"tests/partners/{name}" for name in made), "-k", " or ".join(made)),
    )  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(tree), "COLUMNS": "200"}

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *command],
            cwd=tree,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    left = run("pytest", "-q", "-p", "no:cacheprovider", "tests/partners/test_filled.py")
    assert left.returncode == 1
    assert re.search(rf"partners/gamma/profile\.py:\d+: # {MARK}: ", left.stdout), left.stdout[
        -3000:
    ]
    for command in commands:
        ran = run(*command)
        assert ran.returncode == 0, f"{' '.join(command)}\n{ran.stdout[-6000:]}{ran.stderr[-2000:]}"
    assert re.search(r"\b1[0-9][0-9] passed", ran.stdout), ran.stdout[-300:]
