"""`make bench`: measures the engine beside its bare twin, and a peer, all in one run."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Awaitable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from benchmarks.api import api_ratio
from benchmarks.imports import import_ratio
from benchmarks.load import AT_ONCE, first_answers
from benchmarks.profile import profile
from benchmarks.regular import regular
from benchmarks.report import GOALS, as_markdown
from benchmarks.shape import Shape
from benchmarks.sides import Product, Side, Twin, working
from benchmarks.stand import Stand, stand
from benchmarks.sync import sync
from benchmarks.tap import follow
from benchmarks.throughput import Throughput, throughput
from benchmarks.waiting import waiting
from benchmarks.webhooks import webhook_ratio
from benchmarks.workers import two_workers
from partners.currencycloud.registration import API_KEY, LOGIN_ID
from process import run

T = TypeVar("T")

OUT: Final = Path(__file__).parent / "out"
_WAITING_GOAL: Final = 10_000
_MEASURES: Final = (
    "compare", "waiting", "regular", "workers", "peer", "api", "webhooks", "imports", "sync"
)  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--payments", type=int, default=200, help="per round and side")
    parser.add_argument("--answers", type=int, default=50, help="first answers per round and side")
    parser.add_argument("--rounds", type=int, default=3, help="of product and twin in turn")
    parser.add_argument(
        "--waiting", type=int, nargs="+", default=[100, 1_000, _WAITING_GOAL], metavar="PAYMENTS"
    )
    parser.add_argument("--only", nargs="+", choices=_MEASURES, default=_MEASURES)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument(
        "--peer-python", type=Path, help="of the environment that has DBOS and matplotlib"
    )
    return parser


async def measure(given: argparse.Namespace, home: Path) -> dict[str, Any]:
    """All that was asked for, one after the other."""
    result: dict[str, Any] = {"goals": GOALS, "run": _run(given)}
    async with stand(home / "stand") as made:
        shape = await _reported("one payment, followed", follow(made))
        shape.save(given.out / "shape.json")
        result["events_per_payment"] = sum(shape.events.values())
        result["history_kb"] = shape.history_bytes / 1_000
        result["writes_per_payment"] = shape.writes
        result["events"] = dict(shape.events)
        result["rows_per_payment"] = shape.rows
        if "compare" in given.only:
            result |= await _reported("product and twin in turn", _compare(made, shape, given))
            result["profile"] = await _reported("profile", profile(made, given.payments))
        if "api" in given.only:
            result |= await _reported(
                "payments over HTTP", api_ratio(made, given.payments, given.rounds)
            )
        if "webhooks" in given.only:
            result |= await _reported(
                "webhooks of partners", webhook_ratio(made, given.payments, given.rounds)
            )
        if "peer" in given.only:
            result["peer"] = await _reported("peer", asyncio.to_thread(_peer, made, given))
            if "per_second" in result:
                result["peer_ratio"] = (
                    result["per_second"][Product.name] / result["peer"]["per_second"]
                )
    if "waiting" in given.only:
        async with stand(home / "waiting") as made:
            levels = await _reported(
                "payments that wait", waiting(made, given.waiting, given.payments)
            )
            result["waiting"] = asdict(levels)
            # The goal is for that many; a shorter run says nothing of it.
            for level in levels.levels:
                if level.waiting == _WAITING_GOAL:
                    result["waiting_memory_mb"] = level.memory_mb
    if "regular" in given.only:
        asked = await _reported("regular queries", regular(home / "regular"))
        result["regular"] = asked
        result["regular_ms"] = max(ms for found in asked.values() for ms in found.values())
    if "workers" in given.only:
        result |= await _reported("two workers", two_workers(home / "workers", given.payments))
    if "sync" in given.only:
        read = await _reported("account data", asyncio.to_thread(sync, home / "sync"))
        result |= read
    if "imports" in given.only:
        result |= await _reported("imports", asyncio.to_thread(import_ratio))
    return result


async def _reported(what: str, measuring: Awaitable[T]) -> T:
    print(f"{datetime.now(UTC):%H:%M:%S} {what}", file=sys.stderr, flush=True)
    return await measuring


async def _compare(made: Stand, shape: Shape, given: argparse.Namespace) -> dict[str, Any]:
    sides: tuple[Side, Side] = (Product(made), await Twin.of(made, shape))
    rates: dict[str, list[Throughput]] = {side.name: [] for side in sides}
    answers: dict[str, list[float]] = {side.name: [] for side in sides}
    for number in range(given.rounds):
        # Who is first meets a smaller server: in turn.
        for side in sides if number % 2 == 0 else sides[::-1]:
            async with working(made, side):
                answers[side.name] += await first_answers(side, given.answers)
                rates[side.name].append(await throughput(made, side, given.payments))
            print(f"  {side.name} {rates[side.name][-1].per_second:.1f} a second", file=sys.stderr)
    per_second = {
        name: statistics.median(each.per_second for each in found) for name, found in rates.items()
    }
    first = {name: statistics.median(found) for name, found in answers.items()}
    product, twin = (side.name for side in sides)
    return {
        "throughput_ratio": per_second[product] / per_second[twin],
        "first_answer_ratio": first[product] / first[twin],
        "per_second": per_second,
        "first_answer_ms": first,
        "rounds": {
            name: {
                "per_second": [each.per_second for each in rates[name]],
                "cpu_ms": [each.cpu_ms for each in rates[name]],
                "first_answer_ms": answers[name],
            }
            for name in rates
        },
    }


def _peer(made: Stand, given: argparse.Namespace) -> dict[str, Any]:
    # The product's environment must not shine through into the peer's.
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run(
        [_peer_python(given), "-m", "benchmarks.peer", given.out / "shape.json", made.home,
         made.simulator.base_url, LOGIN_ID, API_KEY, "--payments", str(given.payments),
         "--rounds", str(given.rounds), "--answers", str(given.answers)],
        check=True, stdout=subprocess.PIPE, env=environment,
    )  # fmt: skip
    found = json.loads(done.stdout)
    return {
        "name": "DBOS on SQLite",
        "per_second": statistics.median(found["per_second"]),
        "first_answer_ms": statistics.median(found["first_answer_ms"]),
    }


def _peer_python(given: argparse.Namespace) -> Path:
    python: Path | None = given.peer_python
    if python is None or not python.exists():
        raise SystemExit("the peer and the plots need an environment of their own: `make bench`")
    return python


def _run(given: argparse.Namespace) -> dict[str, Any]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return {
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "commit": commit.stdout.strip(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "payments": given.payments,
        "rounds": given.rounds,
        "at_once": AT_ONCE,
    }


async def _main(given: argparse.Namespace) -> dict[str, Any]:
    """All figures, with every server in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="finality-bench-") as home:
        return await measure(given, Path(home))


def _keep(result: dict[str, Any], given: argparse.Namespace) -> None:
    file = given.out / "bench.json"
    file.write_text(json.dumps(result, indent=1))
    text = as_markdown(result)
    (given.out / "bench.md").write_text(text)
    print(text)
    if set(given.only) == set(_MEASURES):
        subprocess.run([_peer_python(given), "-m", "benchmarks.plots", file, given.out], check=True)
    print(f"written to {file}", file=sys.stderr)


def main() -> None:
    """Measure, tell, draw."""
    given = _parser().parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    if "peer" in given.only:
        _peer_python(given)  # Not found out after half an hour.

    async def measured() -> int:
        _keep(await _main(given), given)
        return 0

    run(measured())


if __name__ == "__main__":
    main()
