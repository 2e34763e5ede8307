"""What an adapter of consents is told. Its answers are those of every lifecycle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.consents.instructions import ConsentInstruction
from domain.consents.request import ConsentRequest
from domain.lifecycle.callback import Callback


@dataclass(frozen=True)
class ConsentSubject:
    """The subject of a call: the instruction, its request, the keys of all its generations."""

    instruction_id: str
    request: ConsentRequest
    keys: tuple[str, ...]
    """One per generation, the current last."""
    kind: ConsentInstruction
    prepared: Mapping[str, str] = field(default_factory=dict)
    partner_reference: str | None = None
    """The partner's own id of the consent, once it gave one."""
    environment: str = ""
    """The place of the partner's account when the request was accepted."""
    callback: Callback | None = None
    """Of an ASK, RENEW or ANSWER: how the user comes back, or came back."""
    answer: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Of an ANSWER: what the user brought back, by the names in the callback."""

    @property
    def account(self) -> tuple[str, str]:
        """The partner, and our account there."""
        return self.request.partner, self.request.partner_account
