"""How users come back from a bank's page: each callback is made for one instruction, used once.

A callback is recognised by its random `state`, of which only a hash is stored in the clear. It is
bound to the tenant and to the browser that was sent to the bank, so nobody can hand their own
authorisation to somebody else's session (RFC 6749, 10.12; RFC 9700, 4.7).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlmodel import Session, select

from domain.lifecycle.callback import Callback
from store.keyring import Keyring
from store.tables.consents import AnswerRow, CallbackRow
from store.tables.lifecycles import InstructionRow

#: 256 bits each. A verifier has 43 characters or more (RFC 7636, 4.1).
_RANDOM_BYTES: Final = 32


class CallbackRefused(ValueError):
    """A callback is forged, or not this browser's or tenant's. Nothing was done."""


def digest_of(secret: str) -> str:
    """The hash by which a secret that we made, or that the app made, is recognised."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_callback(
    keyring: Keyring,
    instruction: InstructionRow,
    *,
    browser_session: str,
    issuer: str | None,
    now: datetime,
) -> CallbackRow:
    """The row of a new callback for an instruction that asks the user."""
    state, verifier = (secrets.token_urlsafe(_RANDOM_BYTES) for _ in range(2))
    state_hash = digest_of(state)
    both = json.dumps({"state": state, "verifier": verifier}).encode()
    return CallbackRow(
        state_hash=state_hash,
        consent_id=instruction.resource_id,
        instruction_id=instruction.instruction_id,
        session_hash=digest_of(browser_session),
        issuer=issuer,
        secrets_sealed=keyring.seal(both, _context(state_hash)),
        made_at=now,
    )


def callback_for(session: Session, keyring: Keyring, instruction_id: str) -> Callback | None:
    """The callback that was made for an instruction; None if it asks no user.

    Raises:
        KeyringError: it cannot be opened.
    """
    its = select(CallbackRow).where(CallbackRow.instruction_id == instruction_id)
    found = session.exec(its).first()
    return None if found is None else _opened(keyring, found)


def answer_for(
    session: Session, keyring: Keyring, instruction_id: str
) -> tuple[Mapping[str, str], Callback | None]:
    """What the user brought back for an ANSWER, and the callback that brought it.

    Raises:
        KeyringError: it cannot be opened.
    """
    row = session.get_one(AnswerRow, instruction_id)
    clear: dict[str, str] = json.loads(
        keyring.open(row.answer_sealed, _answer_context(instruction_id))
    )
    if row.state_hash is None:
        return clear, None
    return clear, _opened(keyring, session.get_one(CallbackRow, row.state_hash))


def new_answer(
    keyring: Keyring, instruction_id: str, answer: Mapping[str, str], state_hash: str | None
) -> AnswerRow:
    """The row of what a user brought back."""
    clear = json.dumps(dict(answer)).encode()
    sealed = keyring.seal(clear, _answer_context(instruction_id))
    return AnswerRow(instruction_id=instruction_id, state_hash=state_hash, answer_sealed=sealed)


def require_own(
    found: CallbackRow | None,
    tenant_of: str | None,
    tenant: str,
    params: Mapping[str, str],
    browser_session: str,
) -> CallbackRow:
    """The callback, if it comes back to the tenant and the browser that it was made for.

    Another tenant's callback looks like a forged one.

    Raises:
        CallbackRefused: it does not.
    """
    if found is None or tenant_of != tenant:
        raise CallbackRefused(
            "state: belongs to no consent that was asked for; have the user begin again"
        )
    if not hmac.compare_digest(found.session_hash, digest_of(browser_session)):
        raise CallbackRefused(
            "session: the user was sent to the bank from another browser; have the user go on "
            "there, or begin again"
        )
    if found.issuer is not None and params.get("iss") != found.issuer:
        raise CallbackRefused(
            "iss: the callback does not come from the bank that the user was sent to; the user's "
            "answer is not used"
        )
    return found


def _opened(keyring: Keyring, row: CallbackRow) -> Callback:
    both = json.loads(keyring.open(row.secrets_sealed, _context(row.state_hash)))
    digest = hashlib.sha256(both["verifier"].encode()).digest()
    challenge = urlsafe_b64encode(digest).rstrip(b"=").decode()
    return Callback(state=both["state"], challenge=challenge, verifier=both["verifier"])


def _context(state_hash: str) -> str:
    """The context that sealed secrets are bound to."""
    return f"callbacks/{state_hash}"


def _answer_context(instruction_id: str) -> str:
    return f"consent_answers/{instruction_id}"
