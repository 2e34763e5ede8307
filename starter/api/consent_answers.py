"""What callers get about consents: what was granted, without account numbers."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel

from domain.consents.consent import Change, Needs
from domain.consents.display import ConsentDisplay
from domain.consents.report import ConsentState
from domain.lifecycle.command import CommandKind, Outcome
from domain.lifecycle.grants import Grant
from domain.lifecycle.resource import Certainty
from starter.api.answers import ActionAnswer, FindingAnswer
from starter.consents import ConsentReceipt


class ConsentAnswer(BaseModel):
    """A consent as it now stands."""

    id: str
    object: Literal["consent"] = "consent"
    key: str
    created_at: datetime
    state: ConsentState
    certainty: Certainty
    display: ConsentDisplay
    partner: str
    partner_account: str
    user_id: str
    regime: str
    permissions: list[str]
    """What was asked for."""
    granted: Grant
    """What the bank shows as granted; a field is null if it has not said."""
    per_day: int
    """Unattended reads a day of each account."""
    authenticated_at: datetime | None
    needs: Needs | None
    is_renewing: bool
    declined: str | None
    renews: str | None
    """The consent that this one supersedes."""
    reason: str | None
    partner_status: str | None
    action: ActionAnswer | None
    changes: list[Change]
    findings: list[FindingAnswer]


class ConsentCommandAnswer(BaseModel):
    """The command to end a consent, its outcome so far, and the consent as it now stands."""

    id: str
    object: Literal["command"] = "command"
    kind: CommandKind
    outcome: Outcome
    asked_at: datetime
    consent: ConsentAnswer


class ConsentsAnswer(BaseModel):
    """A list of consents."""

    data: list[ConsentAnswer]


def consent_answer(receipt: ConsentReceipt) -> ConsentAnswer:
    """The object of a consent."""
    consent, record, action = receipt.consent, receipt.record, receipt.action
    request = record.request
    return ConsentAnswer(
        id=receipt.consent_id,
        key=record.key,
        created_at=record.created_at,
        state=consent.state,
        certainty=consent.certainty,
        display=receipt.display,
        partner=request.partner,
        partner_account=request.partner_account,
        user_id=request.user.user_id,
        regime=request.regime,
        permissions=[each.value for each in request.permissions],
        granted=consent.grant,
        per_day=consent.per_day,
        authenticated_at=consent.authenticated_at,
        needs=consent.needs,
        is_renewing=consent.is_renewing,
        declined=consent.declined,
        renews=record.renews,
        reason=consent.reason,
        partner_status=consent.partner_status,
        action=ActionAnswer(kind=action.kind, expires_at=action.expires_at) if action else None,
        changes=list(consent.changes),
        findings=[
            FindingAnswer(kind=each.kind, text=each.text, is_open=each.freezes)
            for each in consent.findings
        ],
    )


def consent_command_answer(receipt: ConsentReceipt) -> ConsentCommandAnswer:
    """The object of a command about a consent."""
    assert receipt.command is not None, "a command's receipt has it"
    return ConsentCommandAnswer(
        id=receipt.command.command_id,
        kind=receipt.command.kind,
        outcome=receipt.command.outcome,
        asked_at=receipt.command.asked_at,
        consent=consent_answer(receipt),
    )
