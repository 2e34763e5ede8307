"""What all commands share: their texts are checked, and the payment's run is notified."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final

from domain.accounts import AccountError
from domain.card_numbers import has_card_number, shows_card_number
from domain.clock import Clock
from domain.lifecycle.command import Outcome
from domain.lifecycle.resource import Instruction
from domain.lifecycle.view import View
from domain.payments.display import Display, display
from domain.payments.payment import Payment
from domain.payments.view import PaymentView
from regimes.accounts import check_account
from starter.away import LEFT_TO_RELAY
from store.claims import Claimed
from store.commands import Commanded, CommandRecord
from store.notifications import Notifications

if TYPE_CHECKING:
    from starter.running import Running

#: What the outcome of a command is, in words for people.
OUTCOMES: Final = {
    Outcome.ASKED: "recorded; its outcome is not known yet",
    Outcome.PROPOSED: "signed; another operator has to sign too, with evidence",
    Outcome.DONE: "done",
    Outcome.TOO_LATE: "too late: the payment could no longer be changed",
    Outcome.REFUSED: "the partner refused to take the payment back",
    Outcome.IMPOSSIBLE: "this partner cannot take payments back",
}

_ID_LENGTH_MAX: Final = 255
_NAME_LENGTH_MAX: Final = 100
_WHY_LENGTH_MAX: Final = 500
_REFERENCE_LENGTH_MAX: Final = 255
#: Where an IBAN may begin. Its end cannot be recognised inside a text.
_IBAN_BEGINS = re.compile(r"(?<![A-Za-z0-9])(?=[A-Za-z]{2}[0-9]{2})")
_IBAN_LENGTHS: Final = range(15, 35)


class InvalidCommand(ValueError):
    """A text of the command cannot be accepted. Nothing was recorded."""


class CommandReceipt:
    """The reply to a command: its outcome so far, and the resource as it now stands."""

    def __init__(self, commanded: Commanded, *, is_notified: bool) -> None:
        self.command: CommandRecord = commanded.command
        self.view: View = commanded.view
        """A payment's, or that of another kind: a decision can be about any."""
        self.is_notified = is_notified
        """False if the run could not be notified. The relay does it later."""

    @property
    def payment(self) -> Payment:
        """The payment, of a command about one."""
        assert isinstance(self.view, PaymentView), f"{self.view.resource_id} is a {self.view.kind}"
        return self.view.payment

    @property
    def display(self) -> Display:
        """How the payment stands, of a command about one."""
        return display(self.payment)


class ClaimReceipt:
    """The reply to a capture or refund: what was claimed, and the payment as it now stands."""

    def __init__(self, claimed: Claimed, *, is_notified: bool) -> None:
        self.payment_id = claimed.view.payment_id
        self.instruction: Instruction = claimed.instruction
        self.payment: Payment = claimed.view.payment
        self.display: Display = display(claimed.view.payment)
        self.is_replay = not claimed.is_new
        """True if the key was known, so nothing new was claimed."""
        self.is_notified = is_notified
        """False if the run could not be notified. The relay does it later."""


class Notifier:
    """Notifies a payment's run of a command. If that fails, the relay does it later."""

    def __init__(
        self, notifications: Notifications, running: Callable[[], Awaitable[Running]], clock: Clock
    ) -> None:
        self._notifications = notifications
        self._running = running
        self._clock = clock

    async def notify(self, commanded: Commanded) -> CommandReceipt:
        """Start the payment's run, or have it look again, and note that it was notified."""
        is_notified = await self.tell(commanded.view, commanded.command.asked_at)
        return CommandReceipt(commanded, is_notified=is_notified)

    async def tell(self, view: View, asked_at: datetime | None) -> bool:
        """The same for a resource of any kind. False if the run could not be notified.

        Args:
            asked_at: when its command was recorded; None if there was none.
        """
        if not await self._ensured(view):
            return False
        if asked_at is not None:
            await self._notifications.notified(
                [view.resource_id], asked_through=asked_at, now=self._clock.now()
            )
        return True

    async def follow(self, claimed: Claimed) -> ClaimReceipt:
        """Start the payment's run, or have it look again, so that the claim is sent."""
        return ClaimReceipt(claimed, is_notified=await self._ensured(claimed.view))

    async def _ensured(self, view: View) -> bool:
        try:
            running = await self._running()
            await running.ensure_running(view.tenant, view.resource_id, view.kind)
        except LEFT_TO_RELAY:
            return False
        return True


def check_words(*, command_id: str, by: str, why: str, needs_why: bool = False) -> None:
    """Require texts of a command that can be stored in the clear.

    `why` may be empty, unless `needs_why`.

    Raises:
        InvalidCommand: one is missing, too long, not printable, or shows an IBAN or a card number.
    """
    _check("command_id", command_id, _ID_LENGTH_MAX)
    _check("by", by, _NAME_LENGTH_MAX)
    _check("why", why, _WHY_LENGTH_MAX, required=needs_why)


def check_no_card(**texts: str) -> None:
    """Require texts without a card number, each by its name: they are stored in the clear.

    Raises:
        InvalidCommand: one may be a card number. The number is not in the text of the error.
    """
    for name, text in texts.items():
        if has_card_number(text):
            raise InvalidCommand(f"{name}: may be a card number; use a number of your own")


def check_why(why: str) -> None:
    """As `check_words`, for the reason of a decision that is not about one payment.

    Raises:
        InvalidCommand: as `check_words`.
    """
    _check("why", why, _WHY_LENGTH_MAX)


def check_reference(reference: str) -> None:
    """Require a text that can be a partner's reference: stored in the clear, compared exactly.

    Raises:
        InvalidCommand: as `check_words`, or it contains blanks.
    """
    _check("reference", reference, _REFERENCE_LENGTH_MAX)
    if reference.split() != [reference]:
        raise InvalidCommand("reference: contains spaces; give it exactly as the partner does")


def _check(name: str, text: str, length_max: int, *, required: bool = True) -> None:
    if required and not text.strip():
        raise InvalidCommand(f"{name}: is missing; give one line of text")
    if len(text) > length_max or not text.isprintable():
        raise InvalidCommand(f"{name}: give one line of up to {length_max} printable characters")
    if _shows_account(text):
        raise InvalidCommand(
            f"{name}: shows an account number, but is stored unencrypted; leave the number out, or "
            "put it into the evidence, which is encrypted"
        )
    if shows_card_number(text):
        raise InvalidCommand(
            f"{name}: shows a card number, which is stored nowhere; leave it out, or give its last "
            "four digits"
        )


def _shows_account(text: str) -> bool:
    for begin in _IBAN_BEGINS.finditer(text):
        rest = "".join(text[begin.start() :].split())
        for length in _IBAN_LENGTHS:
            try:
                check_account(rest[:length])
            except AccountError:
                continue
            return True
    return False
