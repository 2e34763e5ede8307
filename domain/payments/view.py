"""A payment as it stands in the store: all that decides what is due, without names and accounts."""

from __future__ import annotations

from domain.lifecycle.view import View
from domain.payments.order import Rail
from domain.payments.payment import Payment

#: What rows and the search attribute `Kind` call a payment.
KIND = "payment"


class PaymentView(View):
    """A payment as it stands in the store."""

    rail: Rail
    payment: Payment

    @property
    def kind(self) -> str:
        return KIND

    @property
    def folded(self) -> Payment:
        return self.payment

    @property
    def payment_id(self) -> str:
        return self.resource_id
