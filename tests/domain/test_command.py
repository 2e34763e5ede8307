"""Commands and their outcomes are stored words: each keeps its spelling."""

from __future__ import annotations

from domain.lifecycle.command import TAKING_BACK, CommandKind, Outcome

#: As they stand in databases; one that is renamed would no longer be understood.
STORED = {
    CommandKind: {"cancel", "executed", "abandon", "not_executed", "renew"},
    Outcome: {"asked", "proposed", "done", "too_late", "refused", "impossible"},
}


def test_every_word_is_spelled_as_it_was_stored() -> None:
    for words, spelled in STORED.items():
        assert {word.value for word in words} == spelled
        for text in spelled:
            assert words(text) == text


def test_a_command_takes_back_or_says_what_people_found() -> None:
    assert {kind for kind in CommandKind if kind not in TAKING_BACK} == {
        CommandKind.EXECUTED,
        CommandKind.NOT_EXECUTED,
        CommandKind.RENEW,
    }
