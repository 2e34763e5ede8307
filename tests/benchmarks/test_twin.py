"""The bare twin does what the product does, or it is no measure of it."""

from __future__ import annotations

import sqlite3
from collections import Counter
from pathlib import Path

from benchmarks.shape import Shape
from benchmarks.sides import Twin, working
from benchmarks.stand import Stand, stand
from benchmarks.tap import follow


async def test_the_twin_makes_the_history_the_rows_and_the_calls_of_a_payment(
    tmp_path: Path,
) -> None:
    async with stand(tmp_path) as made:
        shape = await follow(made)
        shape.save(tmp_path / "shape.json")
        assert Shape.load(tmp_path / "shape.json") == shape
        twin = await Twin.of(made, shape)
        async with working(made, twin):
            booked = await _booked(made)
            workflow = await twin.pay("one")
            await twin.until_over(workflow)
        history = await made.client.get_workflow_handle(workflow).fetch_history()
        kinds = [
            str(each.WhichOneof("attributes")).removesuffix("_event_attributes")
            for each in history.events
        ]
        assert Counter(kinds) == shape.events
        told = kinds.index("workflow_execution_update_completed")
        assert told < kinds.index("timer_fired"), "first news do not wait for the first timer"
        with sqlite3.connect(tmp_path / "twin.db") as database:
            [rows] = database.execute("SELECT count(*) FROM kept WHERE reference = 'one'")
        assert rows == (shape.rows,)
        assert await _booked(made) == booked + 1


async def _booked(made: Stand) -> int:
    """Payments at the partner."""
    return len((await made.simulator.control("GET", "book"))["payments"])
