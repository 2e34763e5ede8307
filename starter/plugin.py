"""The Temporal plugin: everything that client, worker, replayer and tests must share.

Workflows run outside the SDK's sandbox, which would import them again for each run. Tests hold what
it would guard (docs/decisions/0028).
"""

from __future__ import annotations

from typing import Any, Self

from temporalio.converter import (
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    SerializationContext,
)
from temporalio.plugin import SimplePlugin
from temporalio.worker import UnsandboxedWorkflowRunner

from starter.arguments import OwnArguments
from starter.codec import EncryptionCodec
from starter.converter import SealedPayloadConverter
from store.keyring import Keyring


class SealedDataConverter(DataConverter):
    """The SDK's converter, bound to a payload's place at little cost.

    The SDK's own `with_context` makes a new payload converter each time, and throws it away: a
    tenth of the event loop's time.
    """

    def with_context(self, context: SerializationContext) -> Self:
        """The converter whose codec seals for this context."""
        assert isinstance(self.payload_codec, EncryptionCodec)
        bound = object.__new__(type(self))
        vars(bound).update(vars(self), payload_codec=self.payload_codec.with_context(context))
        return bound


def data_converter(keyring: Keyring) -> DataConverter:
    """Pydantic models, sealed. Failure messages and stack traces are sealed too."""
    return SealedDataConverter(
        payload_converter_class=SealedPayloadConverter,
        payload_codec=EncryptionCodec(keyring),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


def plugin(keyring: Keyring) -> SimplePlugin:
    """The plugin for a client. A worker that is made with this client gets it automatically."""
    converter = data_converter(keyring)

    def convert(_existing: Any) -> DataConverter:
        return converter

    return SimplePlugin(
        "finality",
        data_converter=convert,
        interceptors=[OwnArguments()],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
