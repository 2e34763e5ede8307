"""Which field names stand for credentials: all that look like one, not only the known ones.

A partner's next field is in no list of ours, so a name is judged by its parts. To hide too much
costs a line of evidence; to hide too little leaves a login in the database.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

#: A name with one of these anywhere in it, whatever separates its words, is a credential. So is
#: the address at which a payer acts (`next_action`, `scaRedirect`), because anybody who has it can
#: act for the payer.
_ANYWHERE: Final = (
    "apikey", "assertion", "authenticationdata", "authorisation", "authorization", "cookie",
    "credential", "jwt", "loginid", "nextaction", "passphrase", "passwd", "password",
    "privatekey", "scaredirect", "secret", "token",
)  # fmt: skip
#: These count only as whole words, since harmless words contain them.
_WORDS: Final = frozenset({"cvc", "cvv", "mfa", "otp", "pin", "pwd", "totp"})
#: With one of these a `code` is a credential. `currency_code` and others are not.
_OF_A_LOGIN: Final = frozenset(
    {"access", "auth", "challenge", "confirmation", "device", "login", "security", "sms", "user",
     "verification"}
)  # fmt: skip
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
#: `name=value`, `"name": "value"` and `Name: value` in a text, such as JSON that was cut short.
#: A partner may answer with a megabyte of letters. So the pattern matches only at the beginning of
#: a run of letters and does not backtrack into it, which keeps the time linear.
_PAIR: Final = re.compile(
    r"""(?<![\w.-])(?P<name>[\w.-]++)(?P<sign>["']?\s{0,3}[=:]\s{0,3}["']?)(?P<value>[^\s&"',;{}\[\]<>]+)""",
    re.ASCII,
)
_BEARER: Final = re.compile(
    r"\b(?P<scheme>bearer|basic)\s+[\w.~+/=-]{8,}", re.ASCII | re.IGNORECASE
)
_JWT: Final = re.compile(r"(?<![\w-])eyJ[\w-]{5,}+\.[\w-]+(?:\.[\w-]*)?", re.ASCII)
#: A longer name is judged each time: a hostile partner could fill the memory with such names.
_REMEMBERED_MAX: Final = 64


def is_credential(name: str) -> bool:
    """Whether a field of this name, in any spelling, may hold a credential."""
    return _is_known(name) if len(name) <= _REMEMBERED_MAX else _is_credential(name)


def _is_credential(name: str) -> bool:
    words = [word.lower() for word in _WORD.findall(name)]
    compact = "".join(words)
    if any(part in compact for part in _ANYWHERE):
        return True
    if not _WORDS.isdisjoint(words) or any(word.endswith("otp") for word in words):
        return True
    return words == ["code"] or (words[-1:] == ["code"] and not _OF_A_LOGIN.isdisjoint(words))


#: A partner's fields have few names, and each answer names them again.
_is_known: Final = lru_cache(maxsize=4096)(_is_credential)


def hide_in_text(text: str, hidden: str) -> str:
    """The text with `hidden` in place of the values of credentials."""

    def value(pair: re.Match[str]) -> str:
        # "code: 42" in a sentence is the code of an error.
        is_sentence = pair["sign"].strip() == ":" and pair["name"].lower() == "code"
        if is_sentence or not is_credential(pair["name"]):
            return pair[0]
        return f"{pair['name']}{pair['sign']}{hidden}"

    text = _BEARER.sub(lambda match: f"{match['scheme']} {hidden}", text)
    return _JWT.sub(hidden, _PAIR.sub(value, text))
