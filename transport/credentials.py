"""Which names stand for credentials: whatever looks like one, and not only those we know.

A partner's next field is not in any list of ours, so a name is judged by its parts. Hiding too much
costs a line of evidence; hiding too little leaves a login in the database.
"""

from __future__ import annotations

import re
from typing import Final

#: Anywhere in a name, whatever separates its words.
_ANYWHERE: Final = (
    "apikey", "assertion", "authorisation", "authorization", "cookie", "credential", "jwt",
    "loginid", "passphrase", "passwd", "password", "privatekey", "secret", "token",
)  # fmt: skip
#: As a word of its own, since others contain them.
_WORDS: Final = frozenset({"cvc", "cvv", "mfa", "otp", "pin", "pwd", "totp"})
#: Before `code` they make it one that logs somebody in. `currency_code` and others are none.
_OF_A_LOGIN: Final = frozenset(
    {"access", "auth", "challenge", "confirmation", "device", "login", "security", "sms", "user",
     "verification"}
)  # fmt: skip
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
#: `name=value`, `"name": "value"` and `Name: value` in a text, such as JSON that was cut short.
#: A partner may answer with a megabyte of letters, so each run of them is looked at once: from its
#: beginning, and without giving back what was taken.
_PAIR: Final = re.compile(
    r"""(?<![\w.-])(?P<name>[\w.-]++)(?P<sign>["']?\s{0,3}[=:]\s{0,3}["']?)(?P<value>[^\s&"',;{}\[\]<>]+)""",
    re.ASCII,
)
_BEARER: Final = re.compile(
    r"\b(?P<scheme>bearer|basic)\s+[\w.~+/=-]{8,}", re.ASCII | re.IGNORECASE
)
_JWT: Final = re.compile(r"(?<![\w-])eyJ[\w-]{5,}+\.[\w-]+(?:\.[\w-]*)?", re.ASCII)


def is_credential(name: str) -> bool:
    """Whether what has this name, in whatever spelling, may let somebody in."""
    words = [word.lower() for word in _WORD.findall(name)]
    compact = "".join(words)
    if any(part in compact for part in _ANYWHERE):
        return True
    if not _WORDS.isdisjoint(words) or any(word.endswith("otp") for word in words):
        return True
    return words == ["code"] or (words[-1:] == ["code"] and not _OF_A_LOGIN.isdisjoint(words))


def hide_in_text(text: str, hidden: str) -> str:
    """The text without the values of credentials."""

    def value(pair: re.Match[str]) -> str:
        # "code: 42" in a sentence is an error's.
        is_sentence = pair["sign"].strip() == ":" and pair["name"].lower() == "code"
        if is_sentence or not is_credential(pair["name"]):
            return pair[0]
        return f"{pair['name']}{pair['sign']}{hidden}"

    text = _BEARER.sub(lambda match: f"{match['scheme']} {hidden}", text)
    return _JWT.sub(hidden, _PAIR.sub(value, text))
