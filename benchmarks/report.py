"""What was measured, as Markdown: beside each goal, whether it is reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple


class Goal(NamedTuple):
    """What a figure should be at most, or at least."""

    words: str
    limit: float
    is_least: bool = False

    def is_met(self, value: float) -> bool:
        return value >= self.limit if self.is_least else value <= self.limit


_GOALS: Final = {
    "events_per_payment": Goal("history events of a happy payment", 34),
    "history_kb": Goal("history of a settled payment, KB", 8),
    "writes_per_payment": Goal("write transactions of a happy payment", 6),
    "throughput_ratio": Goal("whole payments a second, beside the bare twin", 1, is_least=True),
    "peer_ratio": Goal("whole payments a second, beside the peer", 1, is_least=True),
    "first_answer_ratio": Goal("first answer of `pay`, beside the bare twin", 1.25),
    "waiting_memory_mb": Goal("worker memory for 10,000 payments that wait, MB", 50),
    "regular_ms": Goal("the slowest regular query with a million payments, ms", 5),
    "api_ratio": Goal("processor time of `POST /v1/payments`, beside `Orchestrator.pay`", 1.3),
    "sync_ratio": Goal("100,000 transactions read by cursor, beside a bare loop", 1.5),
    "sync_memory_mb": Goal("growth of memory while they are read, MB", 10),
    "import_ratio": Goal("`import worker`, beside its libraries alone", 1.3),
}
#: As JSON has them.
GOALS: Final = {
    name: f"{'≥' if goal.is_least else '≤'} {goal.limit:g}" for name, goal in _GOALS.items()
}


def as_markdown(result: Mapping[str, Any]) -> str:
    """Tables of all that is there."""
    parts = [goals(result)]
    if "per_second" in result:
        parts.append(_rates(result))
    if "waiting" in result:
        parts.append(_waiting(result["waiting"]))
    if "regular" in result:
        parts.append(_regular(result["regular"]))
    if "api" in result:
        parts.append(_api(result["api"]))
    if "webhooks" in result:
        parts.append(_webhooks(result))
    if "two_workers_ratio" in result:
        parts.append(
            f"Two workers on PostgreSQL make {result['two_workers_ratio']:.2f} times the payments "
            f"of one ({result['two_per_second']:.1f} and {result['one_per_second']:.1f} a second)."
        )
    if "profile" in result:
        parts.append(_profile(result["profile"]))
    run = result["run"]
    parts.append(
        f"{run['at']}, commit {run['commit'] or 'unknown'}, {run['cores']} cores, Python "
        f"{run['python']}, SQLite {run['sqlite']}; {run['rounds']} rounds of {run['payments']} "
        f"payments, {run['at_once']} at once."
    )
    return "\n\n".join(parts) + "\n"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    line = "| " + " | ".join(["---"] + ["---:"] * (len(head) - 1)) + " |"
    return "\n".join([_row(head), line, *(_row(row) for row in rows)])


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"


def _regular(asked: Mapping[str, Mapping[str, float]]) -> str:
    names = dict.fromkeys(name for found in asked.values() for name in found)
    rows = [(name, *(f"{found[name]:.1f}" for found in asked.values())) for name in names]
    return _table(("asked in each round, a million payments, ms", *asked), rows)


def goals(result: Mapping[str, Any]) -> str:
    """The goals, and whether each is reached."""
    rows = [
        (
            f"{goal.words} (`{name}`)",
            GOALS[name],
            f"{result[name]:.3g}",
            "yes" if goal.is_met(result[name]) else "**no**",
        )
        for name, goal in _GOALS.items()
        if name in result
    ]
    return _table(("what", "goal", "measured", "reached"), rows)


def _rates(result: Mapping[str, Any]) -> str:
    sides = {name: (rate, result["first_answer_ms"][name])
             for name, rate in result["per_second"].items()}  # fmt: skip
    if peer := result.get("peer"):
        sides[peer["name"]] = (peer["per_second"], peer["first_answer_ms"])
    rows = [(name, f"{rate:.1f}", f"{first:.0f}") for name, (rate, first) in sides.items()]
    return _table(("who", "payments a second", "first answer, ms (median)"), rows)


def _api(found: Mapping[str, Mapping[str, float]]) -> str:
    words = {"pay": "`Orchestrator.pay`", "post": "`POST /v1/payments`"}
    rows = [
        (words[name], f"{one['cpu_ms']:.1f}", f"{one['per_second']:.1f}")
        for name, one in found.items()
    ]
    return _table(("who takes the order", "its time of a core, ms", "answers a second"), rows)


def _webhooks(result: Mapping[str, Any]) -> str:
    words = {"bare": "a bare insert", "finality": "`finality inbound`"}
    rows = [
        (words[name], f"{one['cpu_ms']:.2f}", f"{one['per_second']:.0f}")
        for name, one in result["webhooks"].items()
    ]
    head = ("who takes a partner's webhook", "its time of a core, ms", "answers a second")
    ratio = result["webhook_ratio"]
    return f"{_table(head, rows)}\n\nThe ratio of the times (`webhook_ratio`) is {ratio:.2f}."


def _waiting(found: Mapping[str, Any]) -> str:
    rows = [
        (
            f"{level['waiting']:,}",
            f"{level['memory_mb']:+.0f}",
            f"{level['per_second']:.1f}",
            f"{level['given_per_second']:.0f}" if level["given_per_second"] else "",
        )
        for level in found["levels"]
    ]
    table = _table(
        ("payments that wait", "worker memory, MB", "others a second", "came to wait, a second"),
        rows,
    )
    return (
        f"{table}\n\nFrom the start of a worker to the first answer: "
        f"{found['start_seconds']:.1f} s with none open, {found['restart_seconds']:.1f} s with "
        f"{found['levels'][-1]['waiting']:,} open."
    )


def _profile(found: Mapping[str, Mapping[str, float]]) -> str:
    processes = [(name, f"{ms:.1f}") for name, ms in _largest_first(found["processes"])]
    worker = [(f"worker: {name}", f"{ms:.1f}") for name, ms in _largest_first(found["worker"])]
    return _table(("a payment's time of a core", "ms"), processes + worker)


def _largest_first(parts: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(parts.items(), key=lambda part: -part[1])
