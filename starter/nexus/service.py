"""The Nexus service: what workflows of other teams may ask, and what they are answered."""

from typing import Annotated, Any, Final

import nexusrpc
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from starter.acceptance import KEY_LENGTH_MAX

SERVICE: Final = "finality.payments"
#: The object of a payment, as `GET /v1/payments/ID` has it: account numbers are masked.
Shown = dict[str, Any]


def _whole(key: str) -> str:
    # HTTP takes blanks off both ends of a key, and then it would stand for another payment there.
    if key != key.strip():
        raise ValueError("it begins or ends with a blank; leave the blank out")
    return key


_Key = Annotated[
    str,
    Field(min_length=1, max_length=KEY_LENGTH_MAX, pattern=r"^[\x20-\x7e]+$"),
    AfterValidator(_whole),
]


class PayRequest(BaseModel):
    """A credit transfer to be made once under the key.

    Attributes:
        key: the caller's own, for this payment and for ever; no secret and no account number. It
            neither begins nor ends with a blank.
        order: what `POST /v1/payments` takes as its body. `times.submit_before` has to be given.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)

    key: _Key
    order: dict[str, Any] = Field(repr=False)


class GetRequest(BaseModel):
    """Which payment to show, by the caller's key."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)

    key: _Key


class CancelRequest(BaseModel):
    """Which payment to cancel, by the caller's key.

    Attributes:
        command: the caller's own id of this cancel. A repeat does nothing new.
        why: in one line, for the timeline; no account number.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)

    key: _Key
    command: _Key
    why: str = ""


@nexusrpc.service(name=SERVICE)
class FinalityPayments:
    """Payments of one tenant.

    Attributes:
        pay: ends when the payment is over. Its cancellation cancels the payment, if it still can.
        get_payment: how the payment stands now.
        cancel_payment: cancels it without the operation that ordered it; how it stands now.
    """

    pay: nexusrpc.Operation[PayRequest, Shown]
    get_payment: nexusrpc.Operation[GetRequest, Shown]
    cancel_payment: nexusrpc.Operation[CancelRequest, Shown]
