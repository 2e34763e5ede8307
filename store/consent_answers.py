"""What users bring back from a bank's page. The state never follows from it: it causes a read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlmodel import Session

from domain.consents.fold import DECLINED
from domain.consents.instructions import KIND, ConsentInstruction
from domain.ids import claim_id
from store.books import profile_of
from store.callbacks import digest_of, new_answer, require_own
from store.clocks import agreed
from store.consent_changes import Taken, instruct, note
from store.consent_kind import consent_view
from store.folding import Folding
from store.inbox import put_for
from store.payments import row as resource_row
from store.tables.consents import CallbackRow

#: The longest error that a callback may name; what comes through a browser may be anything.
_ERROR_LENGTH_MAX: Final = 60


def answered(
    session: Session,
    folding: Folding,
    tenant: str,
    params: Mapping[str, str],
    browser_session: str,
    now: datetime,
) -> Taken:
    """Take a callback. A second one, and one that comes late, changes nothing.

    Raises:
        CallbackRefused: it is forged, or belongs to another tenant, browser or bank.
        ClocksApart: our clock and the database's differ too much.
    """
    state_hash = digest_of(params.get("state", ""))
    found = session.get(CallbackRow, state_hash)
    # The consent is locked before its callback is read for good.
    row = resource_row(session, found.consent_id) if found is not None else None
    if found is not None:
        session.refresh(found)
    of_consent = found if row is not None and row.kind == KIND else None
    callback = require_own(of_consent, row.tenant if row else None, tenant, params, browser_session)
    assert row is not None
    view = consent_view(session, row)
    if callback.answered_at is not None:
        return Taken(view, is_new=False)
    at = agreed(session, now)
    callback.answered_at = at
    session.add(callback)
    if view.consent.is_over or view.cancel_asked:
        return Taken(view, is_new=False)
    if error := params.get("error"):
        note(session, row, DECLINED, _printable(error), at)
    elif "code" in params and ConsentInstruction.ANSWER in profile_of(row).operations:
        about = claim_id(row.resource_id, ConsentInstruction.ANSWER, state_hash)
        instruct(session, row, about, ConsentInstruction.ANSWER, at)
        session.flush()
        session.add(new_answer(folding.keyring, about, params, state_hash))
    put_for(session, folding.keyring, row, f"callback/{state_hash}", at)
    session.flush()
    return Taken(folding.refold(session, row, at), is_new=True)


def _printable(error: str) -> str:
    """An error from a callback, fit to be stored in the clear and shown."""
    kept = "".join(each for each in error[:_ERROR_LENGTH_MAX] if each.isalnum() or each in "_-. ")
    return kept or "an error without a name"
