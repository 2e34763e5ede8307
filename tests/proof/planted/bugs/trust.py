"""Bugs: who may open, sign and answer."""

from __future__ import annotations

from typing import Any

import domain.lifecycle.heard as heard
import starter.codec
import starter.converter
from tests.proof.planted.bug import everywhere, planted


@planted("a key of another keyring is accepted under a known id", "tests/store/test_keys.py")
def another_keyring_is_accepted() -> None:
    import store.keys

    everywhere(store.keys._open, lambda *_: None)


@planted("a second signature by the same key counts as another person's",
         "tests/store/test_operators.py", "tests/store/test_decisions.py")  # fmt: skip
def one_person_signs_twice() -> None:
    from store.operators import people

    def each_signature(rows: Any) -> set[str]:
        return {row.statement_hash for row in rows}

    everywhere(people, each_signature)


@planted("whoever names an operator is believed, with whatever key they bring",
         "tests/store/test_operators.py", "tests/starter/test_operations.py")  # fmt: skip
def the_callers_operator_is_believed() -> None:
    from store.operators import is_signature

    everywhere(is_signature, lambda *_: True)


@planted("a signature is good for another text than its own", "tests/store/test_operators.py")
def a_signature_can_be_replayed() -> None:
    from domain.lifecycle.statement import Statement

    Statement.text = property(lambda self: f"{self.kind} {self.by}")  # type: ignore[method-assign,assignment]


@planted("a result that nobody sealed is believed")
def an_unsealed_result_is_believed() -> None:
    from starter.codec import ENCODING, REFUSED, EncryptionCodec

    opened = EncryptionCodec._open

    def opens(self: Any, payload: Any) -> Any:
        return opened(self, payload) if payload.metadata["encoding"] == ENCODING else payload

    def only_refused(payload: Any, _hint: Any) -> str | None:
        return "refused" if payload.metadata["encoding"] == REFUSED else None

    EncryptionCodec._open = opens  # type: ignore[method-assign]
    everywhere(starter.converter._why_refused, only_refused)


@planted("a seal opens in whatever payment it is moved to", "tests/starter/test_codec.py")
def a_seal_is_bound_to_nothing() -> None:
    everywhere(starter.codec.place_of, lambda _context: "anywhere")


@planted("what people decide is taken from a step", "tests/activities/test_recording.py")
def a_step_may_decide() -> None:
    heard.Heard.require_of_a_step = lambda self: None  # type: ignore[method-assign]
