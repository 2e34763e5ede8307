"""What each answer changes in the model partner, in the model's own words."""

from __future__ import annotations

from typing import Final

from terminal.partner.collecting import collect
from terminal.partner.draft import Draft
from terminal.partner.leaving_out import leave_out_cancel, leave_out_lookup, leave_out_webhooks
from terminal.partner.one_key import use_one_key
from terminal.partner.questions import Answers

_KINDS: Final = {
    "replay-state": "REPLAY_STATE",
    "replay-response": "REPLAY_RESPONSE",
    "reject-duplicate": "REJECT_DUPLICATE",
    "none": "NONE",
}


def vary(draft: Draft, answers: Answers) -> None:
    """Apply all answers.

    Raises:
        NoModel: the model has changed, and a variation no longer fits.
    """
    _profile(draft, answers)
    _repeated_key(draft, answers["idempotency"])
    if answers["authentication"] != "token":
        use_one_key(draft, in_own_header=answers["authentication"] == "header")
    if answers["lookup"] == "none":
        leave_out_lookup(draft)
    if answers["moves"] == "collections":
        collect(draft)
    if answers["cancel"] == "no":
        leave_out_cancel(draft)
    if answers["news"] == "polling":
        leave_out_webhooks(draft)


def _profile(draft: Draft, answers: Answers) -> None:
    key = [f"kind=Repeats.{_KINDS[answers['idempotency']]}"]
    if answers.get("key-lasts", "unknown") != "unknown":
        key.append(f"window=timedelta(hours={answers['key-lasts']})")
    if answers.get("caches-errors") == "yes":
        key.append("caches_errors=True")
    file = "profile.py"
    draft.change(file, "kind=Repeats.REPLAY_STATE", ", ".join(key))
    look_up = "kind=Finds.STRONG, settle_delay=timedelta(seconds=5)"
    if answers["lookup"] == "none":
        draft.change(file, look_up, "kind=Finds.NONE")
    else:
        kind, delay = answers["lookup"].upper(), answers["settle-delay"]
        draft.change(file, look_up, f"kind=Finds.{kind}, settle_delay=timedelta(seconds={delay})")
    draft.change(file, "timedelta(days=14)", f"timedelta(days={answers['watch']})")
    if answers["readable"] != "ever":
        draft.change(
            file,
            "    shows_bookings=True,\n",
            f"    shows_bookings=True,\n    status_for=timedelta(days={answers['readable']}),\n",
        )


def _repeated_key(draft: Draft, kind: str) -> None:
    """The simulator does with a key what the profile says."""
    file = "simulator/partner.py"
    known = """\
        if (known := self.subject(call)) is not None:
            if any(known[name] != wanted[name] for name in _FIELDS):
                raise _refusal(409, "key_reused")
            return known
"""
    match kind:
        case "replay-response":
            first = '{**known, "status": "received", "debited_at": None, "returned_at": None}'
            draft.change(file, "            return known\n", f"            return {first}\n")
            draft.change("README.md", "the order as it now stands. A", "the first answer. A")
        case "reject-duplicate":
            refused = """\
        if self.subject(call) is not None:
            raise _refusal(409, "key_reused")
"""
            draft.change(file, known, refused)
            draft.cut("README.md", " A repeated key", "\n\n**Orders.**")
            draft.change(
                "README.md",
                "\n\n**Orders.**",
                " A repeated key is refused\nwith 409, `key_reused`, and nothing is executed."
                "\n\n**Orders.**",
            )
        case "none":
            draft.change(file, known, "")
            draft.change(
                "simulator/book.py",
                "unique_request_id TEXT NOT NULL UNIQUE",
                "unique_request_id TEXT NOT NULL",
            )
            draft.change(file, 'key = "idempotency-key"', 'key = "client-reference"')
            draft.change("client.py", '{"idempotency-key":', '{"client-reference":')
            draft.cut("README.md", "**Idempotency.**", "**Orders.**")
            draft.change(
                "README.md",
                "**Orders.**",
                "**References.** Our key goes into the header `Client-Reference`. It is kept with "
                "the order, and\ncan be searched for. An order under a known reference is executed "
                "again.\n\n**Orders.**",
            )
