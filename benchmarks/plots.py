"""Plots of what `make bench` measured: `python -m benchmarks.plots BENCH.JSON FOLDER`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

_INK: Final = "#1f2937"
_OURS: Final = "#2563eb"
_OTHERS: Final = "#9ca3af"
_STYLE: Final = {
    "font.size": 10,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "white",
    "svg.hashsalt": "finality",
    "text.color": _INK,
}


def rates(found: dict[str, Any], file: Path) -> None:
    """Payments a second and first answers, side by side."""
    names = ["finality", "twin", "peer"]
    labels = ["Finality", "bare twin", found["peer"]["name"]]
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 2.4), layout="constrained")
    for axes, key, words in (
        (left, "per_second", "whole payments a second"),
        (right, "first_answer_ms", "first answer, milliseconds"),
    ):
        values = [*(found[key][name] for name in names[:2]), found["peer"][key]]
        bars = axes.barh(labels, values, color=[_OURS, _OTHERS, _OTHERS])
        axes.bar_label(bars, fmt="{:.1f}", padding=3)
        axes.invert_yaxis()
        axes.set_xlabel(words)
        axes.margins(x=0.15)
    figure.savefig(file, metadata={"Date": None})


def waiting(found: dict[str, Any], file: Path) -> None:
    """Memory and throughput as payments that wait grow in number."""
    levels = found["waiting"]["levels"]
    counts = [f"{level['waiting']:,}" for level in levels]
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 2.6), layout="constrained")
    for axes, key, words in (
        (left, "memory_mb", "worker memory, MB more"),
        (right, "per_second", "other payments a second"),
    ):
        axes.plot(counts, [level[key] for level in levels], color=_OURS, marker="o")
        axes.set_xlabel("payments that wait")
        axes.set_ylabel(words)
        axes.set_ylim(
            bottom=min(0, *(level[key] for level in levels)),
            top=1.15 * max(level[key] for level in levels),
        )
    figure.savefig(file, metadata={"Date": None})


def profile(found: dict[str, Any], file: Path) -> None:
    """Where a payment's time of a core goes."""
    parts = {name: ms for name, ms in found["profile"]["processes"].items() if name != "worker"} | {
        f"worker: {name}": ms for name, ms in found["profile"]["worker"].items()
    }
    ordered = sorted(parts.items(), key=lambda part: part[1])
    figure, axes = plt.subplots(figsize=(8, 2.8), layout="constrained")
    bars = axes.barh(
        [name for name, _ in ordered],
        [ms for _, ms in ordered],
        color=[_OURS if name.startswith("worker") else _OTHERS for name, _ in ordered],
    )
    axes.bar_label(bars, fmt="{:.1f}", padding=3)
    axes.set_xlabel("milliseconds of a core for one payment")
    axes.margins(x=0.1)
    figure.savefig(file, metadata={"Date": None})


def main(result: Path, folder: Path) -> None:
    """Draw all."""
    found = json.loads(result.read_text())
    with plt.rc_context(_STYLE):
        rates(found, folder / "rates.svg")
        waiting(found, folder / "waiting.svg")
        profile(found, folder / "profile.svg")


if __name__ == "__main__":
    main(*(Path(word) for word in sys.argv[1:3]))
