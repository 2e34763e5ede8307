"""The order of a collection: what a caller leaves out follows from the partner account."""

from __future__ import annotations

from typing import Final

from domain.accounts import Account
from domain.money import Money
from domain.party import Party
from domain.payments.order import Collection, Direction, Order, Rail, Times

#: ISO 20022's word for what is not stated, such as the name of a payer.
NOT_STATED: Final = "NOTPROVIDED"


def collection_order(
    collection: Collection,
    amount: Money,
    *,
    tenant: str,
    partner: str,
    account: str,
    rail: Rail,
    debtor: str | None = None,
    end_to_end_id: str | None = None,
    remittance: str = "",
    times: Times | None = None,
) -> Order:
    """The order to collect the amount through one of our accounts.

    The payer is known by the partner's token, and the creditor is our account there.

    Args:
        debtor: the payer's name, if it is known.
        times: by default none, so that they are set when the order is accepted.
    """
    ours = f"{partner}/{account}"
    payer = collection.customer or collection.payment_method or collection.mandate
    return Order(
        tenant=tenant,
        partner=partner,
        partner_account=account,
        rail=rail,
        direction=Direction.INCOMING,
        instructed_amount=amount,
        debtor=Party(name=debtor or NOT_STATED),
        debtor_account=Account(other=payer),
        creditor=Party(name=ours),
        creditor_account=Account(other=ours),
        end_to_end_id=end_to_end_id or NOT_STATED,
        remittance_information=remittance,
        times=times or Times(),
        collection=collection,
    )
