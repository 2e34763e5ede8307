"""The clock of an adapter that dates what nobody answered."""

from __future__ import annotations

from terminal.partner.draft import Draft


def keep_clock(draft: Draft) -> None:
    """Let the adapter keep its clock, if it does not yet."""
    if "self._clock" not in draft.files["client.py"]:
        draft.change(
            "client.py",
            "        self._transport = workplace.transport(",
            "        self._clock = workplace.clock\n        self._transport = workplace.transport(",
        )
