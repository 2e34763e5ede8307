"""JSON from outside that is not taken."""

from __future__ import annotations

import pytest

from transport.json_text import DEPTH_MAX, NotJson, UnsafeJson, parse


def test_what_every_reader_reads_alike_is_taken() -> None:
    text = '{"a":[1,-2.5e3,"\\u0000 \\ud83d\\ude00",null,true],"b":{"a":{}}}'
    assert parse(text) == {"a": [1, -2500.0, "\0 \U0001f600", None, True], "b": {"a": {}}}
    assert parse("[" * DEPTH_MAX + "]" * DEPTH_MAX)


@pytest.mark.parametrize(
    "text",
    [
        "[" * (DEPTH_MAX + 1) + "]" * (DEPTH_MAX + 1),
        "[" * 500_000,
        '{"a":' * 500_000,
        '{"a":1,"a":1}',
        '[{"b":{"a":1,"a":2}}]',
        '"\\ud800"',
        '{"\\udc00":1}',
        '["\\ude00\\ud83d"]',
        "NaN",
        '{"a":-Infinity}',
        "1e999",
        "-1e999",
        "9" * 41,
        "0." + "9" * 5000,
    ],
)
def test_what_readers_differ_about_or_break_on_is_refused(text: str) -> None:
    with pytest.raises(UnsafeJson) as refused:
        parse(text)
    assert "99" not in str(refused.value), "no value of it is told"


@pytest.mark.parametrize("text", ["", "<html>", "{", '{"a":1}x', "\ud800"])
def test_what_is_no_json_is_told_apart(text: str) -> None:
    with pytest.raises(NotJson):
        parse(text)
