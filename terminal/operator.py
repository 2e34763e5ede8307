"""`finality operator`: keys, enrolment, and the verification of stored signatures."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from rich.text import Text

from assembly import Assembly, assembled
from domain.plain_text import plain
from settings import Settings
from starter.signing import make_key, public_file, read_public
from store.operators import SIGNATURES_NEEDED, Refusal, RefusedSignIns, fingerprint, spelt
from terminal.commanding import (
    AS_WISHED,
    NOT_AS_WISHED,
    key_file,
    or_refused,
    passphrase,
    signer,
)
from terminal.screen import Screen


async def make_operator_key(name: str, file: Path | None, passphrase_file: Path | None) -> int:
    """Make a key. Its owner keeps the passphrase to themselves and gives away the public half."""

    async def make() -> int:
        kept = spelt(name)
        where = file or key_file(kept)
        key = make_key(where, kept, passphrase(kept, passphrase_file, again=True))
        screen = Screen()
        screen.print(f"The private key of {kept} is {where}. Keep it, and give it to nobody.")
        screen.print(f"Its public half is {public_file(where)}; give that to the other operators.")
        screen.print(
            f"Its fingerprint is {fingerprint(key.public.key)}. Keep a copy where nobody who can "
            "write to this database can change it: an auditor compares the two."
        )
        return AS_WISHED

    return await or_refused(make())


async def enrol_operators(settings: Settings, public: Sequence[Path]) -> int:
    """Enrol the first operators."""

    async def enrol() -> int:
        keys = [read_public(file) for file in public]
        async with assembled(settings) as assembly:
            await assembly.operators.enrol(keys)
            return await _print_operators(assembly)

    return await or_refused(enrol())


async def add_operator(settings: Settings, public: Path, *, by: str, why: str) -> int:
    """Sign that a person becomes an operator; two operators have to sign."""
    return await _change(
        settings,
        lambda parts: parts.operators.add(
            read_public(public), signer=signer(settings, by), why=why
        ),
    )


async def change_operator_key(settings: Settings, public: Path, *, by: str, why: str) -> int:
    """Sign that an operator gets another key; two operators have to sign."""
    return await _change(
        settings,
        lambda parts: parts.operators.change_key(
            read_public(public), signer=signer(settings, by), why=why
        ),
    )


async def remove_operator(settings: Settings, name: str, *, by: str, why: str) -> int:
    """Sign that a person is no longer an operator; two operators have to sign."""
    return await _change(
        settings,
        lambda parts: parts.operators.remove(name, signer=signer(settings, by), why=why),
    )


async def _change(settings: Settings, change: Callable[[Assembly], Awaitable[list[str]]]) -> int:
    async def sign() -> int:
        async with assembled(settings) as assembly:
            signed = await change(assembly)
            if len(signed) < SIGNATURES_NEEDED:
                Screen().print(
                    f"Signed by {', '.join(signed)}. A second operator has to sign too: within "
                    "seven days, by the same command with their own --by."
                )
                return AS_WISHED
            return await _print_operators(assembly)

    return await or_refused(sign())


async def list_operators(settings: Settings, *, as_json: bool) -> int:
    """Print the operators and the signatures refused in the last day."""
    async with assembled(settings) as assembly:
        if not as_json:
            return await _print_operators(assembly)
        for one in await assembly.operators.active():
            print(
                json.dumps(
                    {
                        "name": one.name,
                        "fingerprint": one.fingerprint,
                        "public_key": one.key.hex(),
                        "added_at": one.added_at.isoformat(),
                        "added_by": one.added_by,
                    }
                )
            )
        for refused in await assembly.operators.refusals():
            print(json.dumps(_refused_object(refused)))
        if (sign_ins := await assembly.operators.refused_sign_ins()) is not None:
            print(
                json.dumps(
                    {
                        "refused_sign_ins": sign_ins.times,
                        "last_at": sign_ins.last_at.isoformat(),
                        "last_claimed": sign_ins.last_claimed,
                    }
                )
            )
    return AS_WISHED


async def verify_signatures(settings: Settings, payment_id: str, *, as_json: bool) -> int:
    """Print every stored signature about a payment.

    Returns the exit code: 1 if a signature does not verify or is by a key that is not enrolled.
    """
    async with assembled(settings) as assembly:
        kept = await assembly.operators.kept(payment_id)
    screen = Screen()
    for one in kept:
        if as_json:
            print(
                json.dumps(
                    {
                        "statement": one.statement,
                        "signature": one.signature.hex(),
                        "public_key": one.key.hex(),
                        "flaw": one.flaw,
                    }
                )
            )
            continue
        said = one.said
        screen.print(
            f"{said.kind.value.replace('_', '-')} {said.command_id} by {said.by} at "
            f"{said.at:%Y-%m-%d %H:%M:%S} UTC, key {fingerprint(one.key)}: {one.flaw or 'verified'}"
        )
    if not kept and not as_json:
        screen.print("No operator has signed anything about this payment.")
    return NOT_AS_WISHED if any(one.flaw for one in kept) else AS_WISHED


def refused_text(refused: Refusal) -> str:
    """A refused signature, in one line."""
    times = f", {refused.times} times" if refused.times > 1 else ""
    return plain(
        f"{refused.last_at:%Y-%m-%d %H:%M:%S} UTC: somebody who claims to be {refused.claimed!r}, "
        f"{refused.kind.replace('_', '-')} of {refused.subject}{times}: {refused.why}"
    )


def sign_ins_text(refused: RefusedSignIns) -> str:
    """Refused sign-ins to the console, in one line."""
    return plain(
        f"{refused.times} refused within a day, the last at {refused.last_at:%Y-%m-%d %H:%M:%S} "
        f"UTC of somebody who claims to be {refused.last_claimed!r}"
    )


def _refused_object(refused: Refusal) -> dict[str, object]:
    return {
        "refused": refused_text(refused),
        "claimed": refused.claimed,
        "kind": refused.kind,
        "subject": refused.subject,
        "why": refused.why,
        "first_at": refused.first_at.isoformat(),
        "last_at": refused.last_at.isoformat(),
        "times": refused.times,
    }


async def _print_operators(assembly: Assembly) -> int:
    screen = Screen()
    found = await assembly.operators.active()
    for one in found:
        screen.print(
            f"{one.name}  key {one.fingerprint}  since {one.added_at:%Y-%m-%d} by {one.added_by}"
        )
    if not found:
        screen.print(
            "There are no operators yet. Each makes a key with `finality operator key NAME`; then "
            "enrol at least two with `finality operator enrol FILE.pub FILE.pub`."
        )
    for refused in await assembly.operators.refusals():
        screen.print(Text(f"refused: {refused_text(refused)}", style="yellow"))
    if (sign_ins := await assembly.operators.refused_sign_ins()) is not None:
        screen.print(Text(f"sign-ins to the console: {sign_ins_text(sign_ins)}", style="yellow"))
    return AS_WISHED
