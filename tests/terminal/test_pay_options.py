"""The command to go on with is the one that was run, and one a shell takes."""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import date
from pathlib import Path

from domain.payments.intent import Earlier, PossibleDuplicate
from domain.payments.report import PaymentState
from terminal.pay_options import PayOptions
from tests.clock import START

WISHES = PayOptions(
    file=Path("my file.xml"),
    as_of=date(2026, 3, 17),
    skip_invalid=True,
    wait_seconds=5,
    journal=Path("journal"),
    as_json=True,
    acknowledge=frozenset({"pay_old"}),
    operator=None,
)


def duplicate(*payment_ids: str, in_doubt: bool = False) -> PossibleDuplicate:
    return PossibleDuplicate(
        [Earlier(one, START, PaymentState.SETTLED, in_doubt) for one in payment_ids]
    )


def test_every_option_is_said_again_with_what_is_acknowledged_besides() -> None:
    command = WISHES.command([duplicate("pay_a", "pay_b"), duplicate("pay_b", "pay_c")])
    assert shlex.split(command) == [
        "finality", "pay", "my file.xml", "--as-of", "2026-03-17", "--skip-invalid", "--wait", "5",
        "--journal", "journal", "--json", "--acknowledge", "pay_old,pay_a,pay_b,pay_c",
    ]  # fmt: skip


def test_a_permission_to_cut_is_said_again() -> None:
    assert "--allow-truncation" not in WISHES.command([duplicate("pay_a")])
    assert "--allow-truncation" in replace(WISHES, allow_truncation=True).command([])


def test_an_operator_is_named_where_one_has_to_be() -> None:
    assert "--operator" not in WISHES.command([duplicate("pay_a")])
    assert WISHES.command([duplicate("pay_a", in_doubt=True)]).endswith("--operator NAME")


def test_no_argument_is_longer_than_a_command_takes() -> None:
    ids = [f"pay_{number:016}" for number in range(20_000)]
    words = shlex.split(WISHES.command([duplicate(one) for one in ids]))
    assert max(map(len, words)) < 128 * 1024
    named = [one for word in words if word.startswith("pay_") for one in word.split(",")]
    assert set(named) == {*ids, "pay_old"}


def test_of_what_was_acknowledged_only_a_lines_own_is_said_of_it() -> None:
    assert WISHES.terms.said_of(["pay_old", "pay_new"]).of == {"pay_old"}
    assert WISHES.terms.said_of(["pay_new"]).of == frozenset()
