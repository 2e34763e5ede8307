"""The Temporal plugin: everything that client, worker, replayer and tests must share."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes
from temporalio.plugin import SimplePlugin
from temporalio.worker import WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from starter.arguments import OwnArguments
from starter.codec import EncryptionCodec
from starter.converter import SealedPayloadConverter
from store.keyring import Keyring

#: Pure modules without state, imported once and shared by all workflow runs. Everything else that a
#: workflow imports is imported again for each run, inside the sandbox.
PASSED_THROUGH: Final = ("domain", "activities")


def data_converter(keyring: Keyring) -> DataConverter:
    """Pydantic models, sealed. Failure messages and stack traces are sealed too."""
    return DataConverter(
        payload_converter_class=SealedPayloadConverter,
        payload_codec=EncryptionCodec(keyring),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


def _runner(existing: WorkflowRunner | None) -> WorkflowRunner:
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    if isinstance(existing, SandboxedWorkflowRunner):
        return dataclasses.replace(existing, restrictions=restrictions)
    return existing or SandboxedWorkflowRunner(restrictions=restrictions)


def plugin(keyring: Keyring) -> SimplePlugin:
    """The plugin for a client. A worker that is made with this client gets it automatically."""
    converter = data_converter(keyring)

    def convert(_existing: Any) -> DataConverter:
        return converter

    return SimplePlugin(
        "finality",
        data_converter=convert,
        interceptors=[OwnArguments()],
        workflow_runner=_runner,
    )
