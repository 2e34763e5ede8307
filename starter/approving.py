"""How payers come back, who approve a payment at their bank before it is sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final

from domain.clock import Clock
from domain.payments.display import Display, display
from domain.payments.payment import Payment
from domain.payments.view import PaymentView
from starter.away import LEFT_TO_RELAY
from starter.consents import InvalidCallback
from store.approvals import Approvals

if TYPE_CHECKING:
    from starter.running import Running

#: The longest callback that is looked at: a few parameters of some hundred characters.
_PARAMS_MAX: Final = 20
_PARAM_LENGTH_MAX: Final = 4096


class ApprovalReceipt:
    """The reply to a callback: the payment as it now stands."""

    def __init__(self, view: PaymentView, *, is_replay: bool, is_notified: bool) -> None:
        self.payment_id: str = view.payment_id
        self.payment: Payment = view.payment
        self.display: Display = display(view.payment)
        self.is_replay = is_replay
        """True if the callback had counted before, or came too late, so nothing was done."""
        self.is_notified = is_notified
        """False if the run could not be notified. The relay does it later."""


class Approver:
    """Takes the callbacks of payers. Make one per process, with `assembly`."""

    def __init__(
        self, *, approvals: Approvals, running: Callable[[], Awaitable[Running]], clock: Clock
    ) -> None:
        self._approvals = approvals
        self._running = running
        self._clock = clock

    async def is_of_a_payment(self, params: Mapping[str, str]) -> bool:
        """Whether a callback was made for a payment, and not for a consent."""
        return await self._approvals.is_of_a_payment(params.get("state", ""))

    async def answer(
        self, params: Mapping[str, str], *, tenant: str, browser_session: str = ""
    ) -> ApprovalReceipt:
        """Take what the payer came back with from the bank's page: all query parameters.

        It counts once. A second tab and a late callback see how the payment stands. Nothing that
        came through a browser is believed: the bank is asked, and what was approved is compared
        with the order before anything is sent.

        Args:
            browser_session: the value that `pay` was given; empty if it was given none.

        Raises:
            InvalidCallback: it lacks what every callback has.
            CallbackRefused: it is forged, or another tenant's, browser's or bank's. Nothing was
                done.
            ClocksApart: our clock and the database's differ too much.
        """
        if not params.get("state"):
            raise InvalidCallback(
                "state: is missing; hand over all query parameters of the callback"
            )
        if len(params) > _PARAMS_MAX or any(len(v) > _PARAM_LENGTH_MAX for v in params.values()):
            raise InvalidCallback("params: are more than any bank sends; the callback is not used")
        taken = await self._approvals.take(
            tenant=tenant, params=params, browser_session=browser_session, now=self._clock.now()
        )
        notified = await self._ensure(taken.view) if taken.is_new else True
        return ApprovalReceipt(taken.view, is_replay=not taken.is_new, is_notified=notified)

    async def _ensure(self, view: PaymentView) -> bool:
        try:
            await (await self._running()).ensure_running(view.tenant, view.payment_id)
        except LEFT_TO_RELAY:
            return False
        return True
