"""Another team: its namespace, its workflow, and the client that it has of us."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from pydantic import BaseModel
from temporalio import workflow
from temporalio.client import Client
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes
from temporalio.exceptions import ApplicationError, NexusOperationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from finality_client.nexus import (
    CancelRequest,
    FinalityPayments,
    GetRequest,
    NexusCodec,
    PayRequest,
)

NAMESPACE: Final = "buyers"
#: The endpoint that leads to each door of ours.
ENDPOINTS: Final = {"buyers": "finality-shop", "sellers": "finality-shop-sellers"}
QUEUE: Final = "buying"


class Bought(BaseModel):
    """What came of an order, or why it was refused."""

    payment: dict[str, Any] | None = None
    refused: str | None = None
    kind: str | None = None
    problem: dict[str, Any] | None = None


def bought(error: BaseException) -> Bought:
    """The error of an operation, from its outermost cause to the innermost that has a type."""
    texts, found, cause = [], Bought(), error.__cause__
    while cause is not None:
        texts.append(str(cause))
        if isinstance(cause, ApplicationError):
            details = cause.details[0] if cause.details else None
            found = Bought(kind=cause.type, problem=details)
        cause = cause.__cause__
    return found.model_copy(update={"refused": " < ".join(texts)})


@workflow.defn(sandboxed=False)
class BuyWorkflow:
    """Orders a payment, and waits for its end. A cancel of it cancels the operation."""

    @workflow.run
    async def run(self, asked: PayRequest, endpoint: str) -> Bought:
        finality = workflow.create_nexus_client(service=FinalityPayments, endpoint=endpoint)
        try:
            return Bought(payment=await finality.execute_operation(FinalityPayments.pay, asked))
        except NexusOperationError as error:
            return bought(error)


@workflow.defn(sandboxed=False)
class LookWorkflow:
    """Reads a payment and perhaps cancels it, without the operation that ordered it."""

    @workflow.run
    async def run(self, key: str, command: str) -> Bought:
        finality = workflow.create_nexus_client(
            service=FinalityPayments, endpoint=ENDPOINTS["buyers"]
        )
        try:
            if command:
                cancel = CancelRequest(key=key, command=command, why="the buyer thought again")
                seen = await finality.execute_operation(FinalityPayments.cancel_payment, cancel)
            else:
                seen = await finality.execute_operation(
                    FinalityPayments.get_payment, GetRequest(key=key)
                )
            return Bought(payment=seen)
        except NexusOperationError as error:
            return bought(error)


async def connected(address: str, keyring: str | None) -> Client:
    """The other team's client, whose data converter is as docs/nexus.md says.

    Args:
        keyring: what its payloads for us are sealed with; None: they are not sealed.
    """
    converter = DataConverter(
        payload_converter_class=PydanticPayloadConverter,
        payload_codec=NexusCodec(keyring) if keyring else None,
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
    return await Client.connect(address, namespace=NAMESPACE, data_converter=converter)


def buyer(client: Client, queue: str = QUEUE) -> Worker:
    """The other team's worker."""
    return Worker(
        client,
        task_queue=queue,
        workflows=[BuyWorkflow, LookWorkflow],
        workflow_runner=UnsandboxedWorkflowRunner(),
        workflow_failure_exception_types=[Exception],
        graceful_shutdown_timeout=timedelta(seconds=2),
    )
