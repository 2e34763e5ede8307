"""The proof's report: what was tried and what came of it, as JSON and for people."""

from __future__ import annotations

import json
import platform
import sqlite3
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from tests.proof.matrix import CELLS
from tests.proof.planted.hunt import Caught
from tests.proof.simulation.tally import Tally

JSON_FILE, TEXT_FILE, PLOT_FILE = "proof-report.json", "proof-report.md", "proof-report.svg"
_ROOT: Final = Path(__file__).parents[2]
_INK, _BAR, _GRAY = "#1f2937", "#2563eb", "#9ca3af"


def report(
    *,
    mode: str,
    command: str,
    simulated: Tally,
    control: Mapping[str, int],
    seeds: Sequence[str],
    real: Mapping[str, Any],
    struck: Sequence[str],
    caught: Sequence[Caught],
    began: datetime,
) -> dict[str, Any]:
    """Everything, with the counts of the two layers side by side and never added.

    Args:
        control: what the usual way to move money came to in the same worlds.
        real: what kills of real processes came to, as `python -m tests.proof` writes it.
        struck: the points of real processes at which one was killed.
    """
    hit = [cell for cell in CELLS if cell.is_hit(simulated.fired, struck)]
    unhit = [cell for cell in CELLS if cell not in hit]
    kills = real["total"]
    return {
        "mode": mode,
        "payments": simulated.payments,
        "faults_fired": sum(simulated.faults.values()),
        "duplicates": simulated.duplicates + kills["twice"],
        "lost": simulated.lost + kills["lost"],
        "stuck": simulated.stuck + kills["stuck"],
        "cells_declared": len(CELLS),
        "cells_hit": len(hit),
        "cells_unhit": [
            {"cell": cell.name, "because": cell.elsewhere or "not drawn in this run"}
            for cell in unhit
        ],
        "planted_total": len(caught),
        "planted_caught": sum(one.is_caught for one in caught),
        "planted": [asdict(one) for one in sorted(caught, key=lambda one: one.name)],
        "kills": kills["kills"],
        "layer_real": dict(real),
        "layer_simulated": {**simulated.summary, "control": dict(control), "seeds": list(seeds)},
        "bound": _bound(simulated.payments),
        "command": command,
        "commit": _commit(),
        "versions": {
            "python": platform.python_version(),
            "temporalio": version("temporalio"),
            "sqlite": sqlite3.sqlite_version,
        },
        "began": began.isoformat(timespec="seconds"),
        "seconds": round((datetime.now(UTC) - began).total_seconds()),
    }


def is_good(found: Mapping[str, Any]) -> bool:
    """Nothing twice, lost, stuck or otherwise wrong, and every planted bug seen."""
    flaws = found["layer_simulated"]["flaws"] or found["duplicates"] or found["lost"]
    return not (flaws or found["stuck"]) and found["planted_caught"] == found["planted_total"]


def write(found: Mapping[str, Any], folder: Path) -> None:
    """The three files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / JSON_FILE).write_text(json.dumps(found, indent=1) + "\n")
    (folder / TEXT_FILE).write_text(as_markdown(found))
    (folder / PLOT_FILE).write_text(as_plot(found))


def as_markdown(found: Mapping[str, Any]) -> str:
    """For people."""
    simulated, real = found["layer_simulated"], found["layer_real"]
    kills, control = real["total"], real.get("control", {})
    collected = real["collections"]
    parts = [
        f"# Proof, {found['mode']}",
        f"`{found['command']}`, commit {found['commit']}, {found['began']}, "
        f"{found['seconds'] / 60:.0f} minutes; "
        + ", ".join(f"{name} {text}" for name, text in found["versions"].items())
        + ".",
        "The counts of the two layers are not added: what is simulated rests on our model of "
        "Temporal, what is killed is a real process beside a real server.",
        "## Simulated worlds",
        _table(
            {
                "worlds": simulated["worlds"],
                "payments acknowledged": simulated["payments"],
                **{f"… {state}": count for state, count in simulated["ends"].items()},
                **{
                    f"beside them, in doubt with a question to a person: {state}": count
                    for state, count in simulated["in_doubt_with_a_question"].items()
                },
                "faults fired on a payment or the world": simulated["faults_fired"],
                "… of which met a payment that was over": sum(
                    simulated["faults_fired_but_masked"].values()
                ),
                "faults planned that met nothing": simulated["faults_not_fired"],
                "pairs of faults met by one payment, before it was over": (
                    f"{simulated['pairs_met']} of {simulated['pairs_declared']}"
                ),
                "**twice**": simulated["duplicates"],
                "**lost**": simulated["lost"],
                "**stuck**": simulated["stuck"],
                "virtual hours": simulated["virtual_hours"],
            }
        ),
        found["bound"],
        "The control, money moved in the usual way (withdraw, deposit, refund if that fails, three "
        f"tries each) in the same worlds: {simulated['control']['transfers_wrong']:,} of "
        f"{simulated['control']['transfers']:,} transfers wrong.",
        f"![Faults fired, by kind]({PLOT_FILE})",
        *([f"- {flaw}" for flaw in simulated["flaws"]] or ["No flaw was found."]),
        f"Seeds: {'; '.join(simulated['seeds'])}.",
        "## Killed processes",
        _table(
            {
                "points found": kills["points"],
                "kills that struck": kills["kills"],
                "… of which during a collection, its captures and refunds": collected["kills"],
                "points not passed again": kills["not_fired"],
                "went on to their end": kills["recovered"],
                "parked, with a question to a person": kills["parked"],
                "**twice**": kills["twice"],
                "**lost**": kills["lost"],
                "**stuck**": kills["stuck"],
            }
        ),
    ]
    if control:
        parts.append(
            "The control beside them, money moved in the usual way in the same harness: "
            f"{control['transfers_wrong']} of {control['transfers']} transfers wrong."
        )
    parts += [
        "## Planted bugs",
        f"{found['planted_caught']} of {found['planted_total']} known-bad variants were found.",
        "| variant | found by | after worlds |\n| --- | --- | ---: |\n"
        + "\n".join(
            f"| {one['says']} | {one['by'] or '**nothing**'} | {one['worlds'] or ''} |"
            for one in found["planted"]
        ),
        "## Faults at moments",
        f"{found['cells_hit']} of {found['cells_declared']} declared cells were hit. Not hit:",
        "| cell | instead |\n| --- | --- |\n"
        + "\n".join(f"| {one['cell']} | {one['because']} |" for one in found["cells_unhit"]),
    ]
    return "\n\n".join(parts) + "\n"


def as_plot(found: Mapping[str, Any]) -> str:
    """A bar for each kind of fault, as SVG."""
    kinds: dict[str, int] = {}
    for name, count in found["layer_simulated"]["faults_fired_by_kind_and_moment"].items():
        kind, _, where = name.partition(" at ")
        if not where.startswith("order with"):
            kinds[kind] = kinds.get(kind, 0) + count
    rows = sorted(kinds.items(), key=lambda row: -row[1])
    most = max(kinds.values(), default=1)
    height = 18 * len(rows) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 {height}" '
        'font-family="system-ui, sans-serif" font-size="12">',
        "<title>Faults fired, by kind</title>",
        f'<rect width="720" height="{height}" fill="white"/>',
        f'<text x="12" y="20" fill="{_INK}" font-weight="bold">Faults fired in simulated worlds'
        "</text>",
    ]
    for number, (kind, count) in enumerate(rows):
        y = 34 + 18 * number
        width = 460 * count / most
        parts += [
            f'<text x="170" y="{y + 11}" text-anchor="end" fill="{_INK}">'
            f"{escape(kind.replace('_', ' '))}</text>",
            f'<rect x="178" y="{y}" width="{width:.1f}" height="13" fill="{_BAR}"/>',
            f'<text x="{184 + width:.1f}" y="{y + 11}" fill="{_GRAY}">{count:,}</text>',
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _bound(payments: int) -> str:
    return (
        f"No duplicate in {payments:,} simulated payments bounds the rate of duplicates, among "
        f"payments drawn as these were, at about {3 / max(payments, 1):.1e} (95 %, three by n). "
        "Payments of one world share its faults, so they are not independent; and faults that "
        "nobody thought of are not among those drawn."
    )


def _table(rows: Mapping[str, object]) -> str:
    lines = ["| | |", "| --- | ---: |"]
    lines += [f"| {name} | {count} |" for name, count in rows.items()]
    return "\n".join(lines)


def _commit() -> str:
    ran = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=_ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    return ran.stdout.strip() or "unknown"
