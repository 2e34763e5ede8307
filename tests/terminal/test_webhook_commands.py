"""`finality webhooks`: endpoints are made, shown and switched, and deliveries are sent again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from settings import Settings
from store.keyring import Keyring
from terminal.webhooks import (
    change_endpoint,
    delete_endpoint,
    list_deliveries,
    list_endpoints,
    make_endpoint,
    resend_delivery,
    resend_range,
    rotate_secret,
    send_test,
    show_endpoint,
    switch_endpoint,
)

Capture = pytest.CaptureFixture[str]
URL = "https://hooks.example.com/secret"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    Keyring.make(tmp_path / "keyring")
    return Settings(home=tmp_path)


def rows(capsys: Capture) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


async def test_the_life_of_an_endpoint(settings: Settings, capsys: Capture) -> None:
    assert await make_endpoint(settings, "shop", URL, ["payment.*"], "till", as_json=True) == 0
    (made,) = rows(capsys)
    endpoint_id = made["id"]
    assert made["secret"].startswith("whsec_")
    assert (made["tenant"], made["url"], made["state"]) == ("shop", URL, "enabled")
    assert await rotate_secret(settings, endpoint_id, overlap_hours=2, as_json=True) == 0
    (rotated,) = rows(capsys)
    assert rotated["secret"] != made["secret"]
    assert await change_endpoint(settings, endpoint_id, None, [], None, as_json=True) == 0
    assert rows(capsys)[0]["types"] == []
    assert await send_test(settings, endpoint_id, as_json=True) == 0
    (delivery,) = rows(capsys)
    assert (delivery["type"], delivery["state"]) == ("webhook_endpoint.test", "pending")
    assert await resend_delivery(settings, delivery["id"], as_json=False) == 0
    assert delivery["id"] in capsys.readouterr().out
    for shown in ("pending", None):
        assert await list_deliveries(settings, endpoint_id, shown, 10, as_json=True) == 0
        assert [each["id"] for each in rows(capsys)] == [delivery["id"]]
    assert await list_deliveries(settings, endpoint_id, "dead", 10, as_json=False) == 0
    assert "No deliveries" in capsys.readouterr().out
    assert await resend_range(
        settings, endpoint_id, first=1, last=None, since=None, until=None, missed_only=True,
        as_json=True,
    ) == 0  # fmt: skip
    assert rows(capsys) == [{"endpoint_id": endpoint_id, "resent": 0}]
    assert await switch_endpoint(settings, endpoint_id, on=False, as_json=False) == 0
    assert "it was asked for" in " ".join(capsys.readouterr().out.split())
    assert await switch_endpoint(settings, endpoint_id, on=True, as_json=True) == 0
    assert rows(capsys)[0]["state"] == "enabled"
    assert await show_endpoint(settings, endpoint_id, as_json=False) == 0
    assert await list_endpoints(settings, None, as_json=True) == 0
    printed = capsys.readouterr().out
    assert endpoint_id in printed
    assert made["secret"] not in printed
    assert rotated["secret"] not in printed
    assert await delete_endpoint(settings, endpoint_id, as_json=True) == 0
    assert rows(capsys) == [{"id": endpoint_id, "deleted": True}]
    assert await list_deliveries(settings, endpoint_id, "dead", 10, as_json=True) == 0
    assert [each["id"] for each in rows(capsys)][-1] == delivery["id"]
    assert await show_endpoint(settings, endpoint_id, as_json=False) != 0
    assert await list_endpoints(settings, "another", as_json=False) == 0
    assert "No endpoints" in capsys.readouterr().out


async def test_what_cannot_be_done_is_said_in_a_line(settings: Settings, capsys: Capture) -> None:
    assert await make_endpoint(settings, "t", "http://10.0.0.1/", [], "", as_json=False) == 2
    assert "url is plain http; give https" in capsys.readouterr().err
    assert await make_endpoint(settings, "t", URL, ["payment.done"], "", as_json=False) == 2
    assert "'payment.done' is no type of event" in capsys.readouterr().err
    assert await show_endpoint(settings, "whe_none", as_json=False) == 2
    assert "`finality webhooks list` shows them" in capsys.readouterr().err
    assert await resend_delivery(settings, "whd_none", as_json=False) == 2
    assert "there is no delivery whd_none" in capsys.readouterr().err
    assert await list_endpoints(settings, None, as_json=True) == 0
    assert rows(capsys) == []
