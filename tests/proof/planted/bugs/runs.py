"""Bugs: what runs wait for."""

from __future__ import annotations

from tests.proof.planted.bug import planted


@planted("a run that ends waits for its handlers, and they wait for the run",
         "tests/workflows/test_continue_as_new.py"
         "::test_a_caller_who_waits_does_not_keep_a_run_from_going_on_as_new")  # fmt: skip
def a_handler_holds_the_loop() -> None:
    # Workers take the class from its module.
    import workflows.payment
    from tests.proof.planted.held import HeldByItsHandlers

    workflows.payment.PaymentWorkflow = HeldByItsHandlers  # type: ignore[misc]
