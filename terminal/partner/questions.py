"""The questions of `finality partner new`: what a profile has to know, before anything is written.

A wrong answer can move money twice, so only answers that are careful in every case have a default.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from domain.explained import Explained

Answers = Mapping[str, str]

YES_OR_NO: Final = {"yes": "", "no": ""}
_TITLE: Final = re.compile(r"\w[\w .&-]{1,29}")


class AnswerRefused(Explained):
    """An answer that cannot be used; the text names its option and the remedy."""


@dataclass(frozen=True)
class Question:
    """One thing to know about a partner.

    Attributes:
        option: the option that answers it, without its dashes.
        choices: each possible answer, and what it means.
        number: instead of choices, the smallest and the largest whole number.
        instead: a word that may be given instead of a number.
        default: the answer if none is given; None if it has to be given.
        applies: whether the question makes sense after the answers before it.
    """

    option: str
    text: str
    choices: Mapping[str, str] = field(default_factory=dict)
    number: tuple[int, int] | None = None
    instead: str = ""
    default: str | None = None
    applies: Callable[[Answers], bool] = lambda answers: True

    def checked(self, given: str) -> str:
        """The answer in its usual spelling.

        Raises:
            AnswerRefused: it is no possible answer.
        """
        answer = " ".join(given.split())
        if self.number is None and not self.choices:
            if _TITLE.fullmatch(answer):
                return answer
            raise self.refused(given, f"give {self.possible}")
        if (word := answer.lower()) in {*self.choices, self.instead} - {""}:
            return word
        if self.number is None:
            raise self.refused(given, f"give one of {', '.join(self.choices)}")
        least, most = self.number
        if answer.isascii() and answer.isdigit() and least <= int(answer[:9]) <= most:
            return str(int(answer))
        raise self.refused(given, f"give a whole number, {self.possible}")

    @property
    def possible(self) -> str:
        """What may be answered, in short."""
        if self.number is None:
            return " | ".join(self.choices) or "2 to 30 letters, digits, blanks, or any of . & -"
        least, most = self.number
        return f"{least} to {most}{f', or {self.instead}' if self.instead else ''}"

    def unanswered(self) -> AnswerRefused:
        return AnswerRefused(
            f"there is no answer to --{self.option} ({self.text}); give the option: {self.possible}"
        )

    def refused(self, given: str, remedy: str) -> AnswerRefused:
        return AnswerRefused(f"--{self.option} cannot be {given[:40]!r}; {remedy}")


QUESTIONS: Final = (
    Question("title", "The partner's own name, for people"),
    Question(
        "moves",
        "Which way does the money go?",
        {
            "credit-transfers": "out of our account, to a creditor",
            "collections": "to us, pulled from a payer",
        },
    ),
    Question(
        "authentication",
        "How is each call authorised?",
        {
            "token": "a login gets a token, which ends and is replaced",
            "bearer": "one key that never ends, as Authorization: Bearer",
            "header": "one key that never ends, in a header of its own",
        },
    ),
    Question(
        "client-certificate", "Does the partner demand a client certificate (mTLS)?", YES_OR_NO
    ),
    Question(
        "idempotency",
        "What does the partner document about a key that it sees a second time?",
        {
            "replay-state": "answers with the order as it now stands",
            "replay-response": "repeats the first answer",
            "reject-duplicate": "refuses, and does not repeat the first answer",
            "none": "nothing, or that it executes again",
        },
    ),
    Question(
        "caches-errors",
        "Does it repeat the first answer even if that was a server error?",
        YES_OR_NO,
        applies=lambda answers: answers["idempotency"] == "replay-response",
    ),
    Question(
        "key-lasts",
        "For how many hours does it remember a key, by its documentation?",
        number=(1, 24 * 366),
        instead="unknown",
        applies=lambda answers: answers["idempotency"] != "none",
    ),
    Question(
        "lookup",
        "What does a look-up by our own key show?",
        {
            "strong": "each order, as soon as it is made",
            "eventual": "each order, after a while that nobody promises",
            "none": "there is no look-up by our key",
        },
    ),
    Question(
        "settle-delay",
        "After how many seconds does an empty answer to it count?",
        number=(1, 7 * 24 * 3600),
        default="15",
        applies=lambda answers: answers["lookup"] != "none",
    ),
    Question("cancel", "Can an order be taken back before it is sent?", YES_OR_NO),
    Question(
        "watch",
        "For how many days after settlement do returns stay normal?",
        number=(1, 400),
        default="14",
    ),
    Question(
        "readable",
        "For how many days after settlement can an order be read?",
        number=(1, 3660),
        instead="ever",
        default="ever",
    ),
    Question(
        "news",
        "How do we learn of a new status?",
        {
            "webhooks": "by signed webhooks, and by reads",
            "polling": "by reads alone",
        },
    ),
)


def answered(given: Mapping[str, str | None], ask: Callable[[Question], str]) -> dict[str, str]:
    """The answer to each question that applies: as it was given, or as `ask` gets it.

    Raises:
        AnswerRefused: an answer is not possible, or answers a question that makes no sense after
            the answers before it.
    """
    answers: dict[str, str] = {}
    for question in QUESTIONS:
        found = given.get(question.option)
        if question.applies(answers):
            answers[question.option] = question.checked(ask(question) if found is None else found)
        elif found is not None:
            raise question.refused(found, "leave it out: it means nothing with the other answers")
    return answers
