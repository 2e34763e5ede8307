"""Ends workflow runs that somebody else started with arguments that are not ours.

Anybody who can reach Temporal can start our workflows with foreign arguments, or too many. The code
would then raise a `TypeError`, which fails the workflow task again and again, and the run would
keep our own from starting. So such a run ends. Our signals and updates take no arguments, and the
SDK drops those that somebody adds.
"""

from __future__ import annotations

import inspect
from typing import Any

from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    ExecuteWorkflowInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from starter.converter import Refused


class OwnArguments(Interceptor):
    """Checks the arguments of every workflow run of a worker."""

    def workflow_interceptor_class(
        self, input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor]:
        return _OwnArguments


class _OwnArguments(WorkflowInboundInterceptor):
    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        """Run the workflow, if its arguments are ones that we could have sent.

        Raises:
            ApplicationError: the arguments are not ours. This ends the run, so that our next start
                makes a new one.
        """
        why = next((given.why for given in input.args if isinstance(given, Refused)), None)
        try:
            inspect.signature(input.run_fn).bind(None, *input.args)
        except TypeError as error:
            why = why or str(error)
        if why is not None:
            raise ApplicationError(f"this run was not started by us: {why}", non_retryable=True)
        return await super().execute_workflow(input)
