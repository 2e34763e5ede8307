"""The client of Finality's HTTP API. What a program needs is imported from here."""

from finality_client.async_client import AsyncClient
from finality_client.client import Client
from finality_client.consents import ConsentOrder
from finality_client.errors import (
    ApiError,
    CannotClaim,
    CursorLost,
    FinalityError,
    Invalid,
    KeyReused,
    NoAnswer,
    NotAllowed,
    NotFound,
    PossibleDuplicate,
    SeveralFiles,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    UnreadableAnswer,
    WaitedTooLong,
    WebhookInvalid,
)
from finality_client.orders import CollectionOrder, PaymentOrder
from finality_client.tries import Retries
from finality_client.webhooks import Delivery, verify_webhook
from finality_client.words import Certainty, Funds, PaymentState

__all__ = [
    "ApiError",
    "AsyncClient",
    "CannotClaim",
    "Certainty",
    "Client",
    "CollectionOrder",
    "ConsentOrder",
    "CursorLost",
    "Delivery",
    "FinalityError",
    "Funds",
    "Invalid",
    "KeyReused",
    "NoAnswer",
    "NotAllowed",
    "NotFound",
    "PaymentOrder",
    "PaymentState",
    "PossibleDuplicate",
    "Retries",
    "SeveralFiles",
    "TooManyRequests",
    "Unauthenticated",
    "Unavailable",
    "UnreadableAnswer",
    "WaitedTooLong",
    "WebhookInvalid",
    "verify_webhook",
]
