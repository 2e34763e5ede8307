"""Payloads that cross the border to another team: sealed with a keyring that both teams have.

Our own keyring opens every payment, so no other team may have it. Each door has a keyring of its
own. What crosses the border, and the run that waits for the caller's result, are sealed with it.

The place of a payload is the operation, since the caller's side knows no other place of ours. The
caller's SDK writes no names of types, so outside of our runs a type is proven by its fields alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Self

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    NexusSerializationContext,
    SerializationContext,
    WorkflowSerializationContext,
)
from temporalio.exceptions import ApplicationError
from temporalio.plugin import SimplePlugin
from temporalio.worker import UnsandboxedWorkflowRunner

from starter.arguments import OwnArguments
from starter.codec import EncryptionCodec, place_of
from starter.converter import SealedPayloadConverter, in_workflow
from starter.nexus.service import SERVICE
from starter.plugin import SealedDataConverter
from store.keyring import Keyring, MissingKey

#: The operation whose result comes from a run.
_OF_RUNS: Final = "pay"
#: The SDK answers a caller whose payload fails with this type as a bad request, and not again.
_BAD_REQUEST: Final = "PayloadValidationError"


def border_place(context: SerializationContext) -> str:
    """The place of a payload at the border. A run's input and result belong to its operation."""
    match context:
        case NexusSerializationContext(service=service, operation=operation):
            return f"nexus {service}/{operation}"
        case WorkflowSerializationContext():
            return f"nexus {SERVICE}/{_OF_RUNS}"
        case _:
            return place_of(context)


class BorderCodec(EncryptionCodec):
    """Seals for an operation of the service."""

    def __init__(
        self, keyring: Keyring, place: str | None = None, *, of_caller: bool = False
    ) -> None:
        super().__init__(keyring, place)
        self._border = keyring
        self._of_caller = of_caller

    def with_context(self, context: SerializationContext) -> Self:
        """The codec for payloads of this operation."""
        of_caller = isinstance(context, NexusSerializationContext)
        return type(self)(self._border, border_place(context), of_caller=of_caller)

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """As for our own payloads. A caller's unknown key refuses the operation.

        Raises:
            ApplicationError: the caller sealed with a key that this door does not have.
            MissingKey: our own run is sealed with one. It waits until the keyring has it again.
        """
        try:
            return await super().decode(payloads)
        except MissingKey as missing:
            if not self._of_caller:
                raise
            raise ApplicationError(
                f"sealed with key {missing.key_id!r}, which this door's keyring lacks",
                type=_BAD_REQUEST,
                non_retryable=True,
            ) from None


class BorderPayloadConverter(SealedPayloadConverter):
    """In our runs as strict as for our own payloads; a caller's payload has no name of its type."""

    def why_refused(self, payload: Payload, hint: Any) -> str | None:
        """As for our own payloads, but a caller's need not name its type."""
        return super().why_refused(payload, hint if in_workflow() else None)


def border_plugin(keyring: Keyring) -> SimplePlugin:
    """The plugin for the client of a door's worker."""
    converter: DataConverter = SealedDataConverter(
        payload_converter_class=BorderPayloadConverter,
        payload_codec=BorderCodec(keyring),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )

    def convert(_existing: Any) -> DataConverter:
        return converter

    return SimplePlugin(
        "finality-nexus",
        data_converter=convert,
        interceptors=[OwnArguments()],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
