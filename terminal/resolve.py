"""`finality resolve`: records an operator's signed decision about a payment or a consent."""

from __future__ import annotations

from pathlib import Path

from assembly import assembled
from domain.lifecycle.command import CommandKind, Outcome
from settings import Settings
from starter.asking import InvalidCommand
from starter.evidence import EVIDENCE_BYTES_MAX
from terminal.commanding import (
    AS_WISHED,
    NOT_AS_WISHED,
    or_refused,
    print_receipt,
    signer,
)

_UNDER_WAY = frozenset({Outcome.DONE, Outcome.PROPOSED, Outcome.ASKED})


async def resolve_payment(
    settings: Settings,
    payment_id: str,
    decision: CommandKind,
    *,
    command_id: str,
    by: str,
    why: str,
    reference: str | None,
    evidence: Path | None,
    as_json: bool,
) -> int:
    """Record the decision and notify the payment's run. Returns the exit code."""

    async def resolve() -> int:
        _check(decision, reference, evidence)
        async with assembled(settings) as assembly:
            operations = assembly.operations
            if decision is CommandKind.NOT_EXECUTED:
                await operations.require_not_executed()  # Before it asks for a passphrase in vain.
            # Before it asks for a passphrase in vain: a payment or a consent has to be there.
            await assembly.operators.about(payment_id)
            attached = _read(evidence) if evidence else b""
            receipt = await operations.resolve(
                decision,
                payment_id,
                command_id,
                signer=signer(settings, by),
                why=why,
                reference=reference,
                evidence=attached,
            )
            await print_receipt(assembly, receipt, as_json=as_json)
        return AS_WISHED if receipt.command.outcome in _UNDER_WAY else NOT_AS_WISHED

    return await or_refused(resolve())


def _check(decision: CommandKind, reference: str | None, evidence: Path | None) -> None:
    """Refuse options of another decision. To ignore them could lose what the person intended.

    Raises:
        InvalidCommand: an option does not belong to the decision, or the evidence is missing.
    """
    if reference is not None and decision is not CommandKind.EXECUTED:
        raise InvalidCommand("--reference: goes only with `executed`; leave it out")
    if evidence is not None and decision is not CommandKind.NOT_EXECUTED:
        raise InvalidCommand("--evidence: goes only with `not-executed`; leave it out")
    if evidence is None and decision is CommandKind.NOT_EXECUTED:
        raise InvalidCommand(
            "--evidence: is missing; attach a file that shows that nothing was executed"
        )


def _read(file: Path) -> bytes:
    """The file's content, up to one byte more than allowed, which is enough to refuse it.

    Raises:
        InvalidCommand: the file cannot be read.
    """
    try:
        with file.open("rb") as opened:
            return opened.read(EVIDENCE_BYTES_MAX + 1)
    except OSError as error:
        raise InvalidCommand(f"--evidence: {file} cannot be read: {error.strerror}") from error
