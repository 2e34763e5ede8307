"""Steps that wait for a user, and how the user comes back from a bank's page."""

from __future__ import annotations

from dataclasses import dataclass, field

from domain.lifecycle.answers import NeedsUser, Subject
from domain.lifecycle.gate import Examined


@dataclass(frozen=True)
class Callback:
    """How the user comes back from the bank's page, once, for one instruction.

    Attributes:
        state: the secret by which we recognise the callback. The adapter puts it into the request
            to the bank.
        challenge: the PKCE challenge (S256) of `verifier`, for the authorisation request.
        verifier: the PKCE verifier, which goes along when a code is exchanged (RFC 7636).
    """

    state: str = field(repr=False)
    challenge: str
    verifier: str = field(repr=False)


@dataclass(frozen=True)
class WaitForUser:
    """What a step found that cannot go on without the user.

    Attributes:
        needs: what the user has to do.
        seen: the subject that was prepared. If the user came back meanwhile, nothing waits.
        passed: our own checks, if they passed in this step.
    """

    needs: NeedsUser
    seen: Subject
    passed: Examined | None = None
