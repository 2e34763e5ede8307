"""The address at which a payer acts. It is stored sealed, apart from the report that named it."""

from __future__ import annotations

from sqlmodel import Session, col, select

from domain.lifecycle.report import Action, ActionKind, Report
from domain.lifecycle.resource import Folded
from store.keyring import Keyring
from store.tables.claims import ActionRow


def keep_action(session: Session, keyring: Keyring, resource_id: str, report: Report) -> None:
    """Store the address, if the report names one, in the transaction that stores the report."""
    if report.action is None or report.action.url is None:
        return
    if session.get(ActionRow, report.report_id) is None:
        sealed = keyring.seal(report.action.url.encode(), _context(report.report_id))
        session.add(
            ActionRow(
                report_id=report.report_id,
                resource_id=resource_id,
                as_of=report.as_of,
                url_sealed=sealed,
            )
        )


def move_action(session: Session, keyring: Keyring, report_id: str, to: Report) -> None:
    """Give the address to the report that takes the place of this one."""
    found = session.get(ActionRow, report_id)
    if found is None or to.action is None:
        return
    url = keyring.open(found.url_sealed, _context(report_id)).decode()
    session.delete(found)
    action = to.action.model_copy(update={"url": url})
    keep_action(session, keyring, found.resource_id, to.model_copy(update={"action": action}))


def action_of(
    session: Session, keyring: Keyring, resource_id: str, folded: Folded
) -> Action | None:
    """What the payer has to do now, with its newest address; without one while it is frozen.

    Raises:
        KeyringError: the address cannot be opened.
    """
    if folded.is_frozen:
        # Whatever the partner shows may be a second payment, or differ from the order. So nobody
        # is led to approve it before a person has looked.
        return folded.action
    if folded.action is None or folded.action.kind is ActionKind.CONFIRM:
        # Nothing is to be opened. An earlier address would lead to something else, such as the
        # approval of a payment whose cancellation is to be confirmed.
        return folded.action
    newest = (
        select(ActionRow)
        .where(ActionRow.resource_id == resource_id)
        .order_by(col(ActionRow.as_of).desc())
        .limit(1)
    )
    found = session.exec(newest).first()
    if found is None:
        return folded.action
    url = keyring.open(found.url_sealed, _context(found.report_id)).decode()
    return folded.action.model_copy(update={"url": url})


def _context(report_id: str) -> str:
    return f"actions/{report_id}"
