"""Webhook endpoints over HTTP: made once, changed, rotated, and seen by their tenant only."""

from __future__ import annotations

from typing import Any

import pytest

from tests.starter.api.conftest import OTHER, Api

URL = "https://hooks.example.com/T0/secret-path"
AT = "/v1/webhook-endpoints"


async def made(api: Api, key: str = "e", **fields: Any) -> dict[str, Any]:
    answer = await api.post(AT, {"url": URL, **fields}, key=key)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_an_endpoint_is_made_once_and_its_secret_is_in_that_answer_only(api: Api) -> None:
    body = {"url": URL, "types": ["payment.*"], "description": "shop"}
    first = await api.post(AT, body, key="e")
    assert first.status_code == 201
    assert first.headers["idempotent-replayed"] == "false"
    endpoint = first.json()
    assert endpoint["secret"].startswith("whsec_")
    again = await api.post(AT, body, key="e")
    assert (again.status_code, again.json()) == (200, endpoint)
    assert again.headers["idempotent-replayed"] == "true"
    other = await api.post(AT, {**body, "types": []}, key="e")
    assert other.status_code == 409
    assert other.json()["type"] == "urn:finality:problem:key-reused"
    assert (await api.post(AT, body)).status_code == 400, "without a key"
    shown = (await api.get(f"{AT}/{endpoint['id']}")).json()
    assert shown == {name: value for name, value in endpoint.items() if name != "secret"}
    listed = await api.get(AT)
    assert listed.json()["data"] == [shown]
    assert endpoint["secret"] not in listed.text


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"url": "http://example.com/"}, "/url"),
        ({"url": "https://127.0.0.1/"}, "/url"),
        ({"url": "https://169.254.169.254/latest"}, "/url"),
        ({"url": "https://a:b@example.com/"}, "/url"),
        ({"url": "https://example.com/" + "a" * 5000}, "/url"),
        ({"url": None}, "/url"),
        ({"types": ["payment.setled"]}, "/types"),
        ({"types": ["*"]}, "/types"),
        ({"types": ["payment.*"] * 51}, "/types"),
        ({"description": "two\nlines"}, "/description"),
        ({"description": "a" * 201}, "/description"),
        ({"secret": "whsec_mine"}, "/secret"),
        ({"tenant": "other"}, "/tenant"),
    ],
)
async def test_a_field_that_is_wrong_is_named_and_nothing_is_stored(
    api: Api, fields: dict[str, Any], pointer: str
) -> None:
    answer = await api.post(AT, {"url": URL, **fields}, key="e")
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"].startswith(pointer)
    assert (await api.get(AT)).json()["data"] == []
    await made(api)


async def test_another_tenant_and_another_scope_see_nothing(api: Api) -> None:
    endpoint = await made(api)
    test = (await api.post(f"{AT}/{endpoint['id']}/test", key="t")).json()
    at = f"{AT}/{endpoint['id']}"
    asked: tuple[tuple[str, str, dict[str, Any] | None], ...] = (
        ("GET", at, None), ("PATCH", at, {}), ("GET", f"{at}/deliveries", None),
        ("POST", f"{at}/rotate-secret", {}), ("POST", f"{at}/disable", {}),
        ("POST", f"{at}/enable", {}), ("POST", f"{at}/test", {}),
        ("POST", f"{at}/resend", {"first_position": 1}),
        ("GET", f"/v1/webhook-deliveries/{test['id']}", None),
        ("POST", f"/v1/webhook-deliveries/{test['id']}/resend", {}),
    )  # fmt: skip
    for method, path, body in asked:
        foreign = await api.ask(method, path, body, key="k", who=OTHER)
        assert foreign.status_code == 404, path
        assert (await api.ask(method, path, body, key="k", who="payer")).status_code == 403, path
    assert (await api.get(AT, who=OTHER)).json()["data"] == []
    assert (await api.get(at)).json()["state"] == "enabled"


async def test_an_endpoint_is_changed_in_part_and_switched_off_and_on(api: Api) -> None:
    endpoint = await made(api, types=["payment.created"])
    at = f"{AT}/{endpoint['id']}"
    changed = (await api.ask("PATCH", at, {"description": "new"})).json()
    assert (changed["description"], changed["url"]) == ("new", URL)
    assert changed["types"] == ["payment.created"]
    refused = await api.ask("PATCH", at, {"url": "https://10.0.0.1/"})
    assert refused.status_code == 422
    assert (await api.get(at)).json()["url"] == URL
    for _ in range(2):
        off = (await api.post(f"{at}/disable")).json()
        assert (off["state"], off["disabled_reason"]) == ("disabled", "asked")
    conflict = await api.post(f"{at}/test", key="t")
    assert conflict.status_code == 409
    assert conflict.json()["type"] == "urn:finality:problem:endpoint-state"
    for _ in range(2):
        on = (await api.post(f"{at}/enable")).json()
        assert (on["state"], on["disabled_reason"], on["disabled_at"]) == ("enabled", None, None)
    events = (await api.get("/v1/events?change=disabled&change=enabled")).json()["data"]
    assert [each["type"] for each in events] == [
        "webhook_endpoint.disabled", "webhook_endpoint.enabled",
    ]  # fmt: skip
    assert events[0]["related"] == {"type": "webhook_endpoint", "id": endpoint["id"]}
    assert [each["sequence"] for each in events] == [1, 2]


async def test_a_secret_is_rotated_once_for_each_key(api: Api) -> None:
    endpoint = await made(api)
    at = f"{AT}/{endpoint['id']}/rotate-secret"
    first = (await api.post(at, {"overlap_hours": 2}, key="r")).json()
    assert first["secret"] != endpoint["secret"]
    assert first["old_secret_until"] is not None
    again = await api.post(at, {"overlap_hours": 2}, key="r")
    assert (again.status_code, again.json()["secret"]) == (200, first["secret"])
    assert (await api.post(at, {"overlap_hours": 3}, key="r")).status_code == 409
    third = await api.post(at, {}, key="r2")
    assert third.status_code == 409, "two secrets are in use"
    at_once = (await api.post(at, {"overlap_hours": 0}, key="r2")).json()
    assert at_once["old_secret_until"] is None
    assert (await api.post(at, {"overlap_hours": -1}, key="r3")).status_code == 422


async def test_a_test_is_listed_and_shown_with_its_attempts(api: Api) -> None:
    endpoint = await made(api)
    at = f"{AT}/{endpoint['id']}"
    first = await api.post(f"{at}/test", key="t")
    assert first.status_code == 202
    assert (await api.post(f"{at}/test", key="t")).json() == first.json()
    delivery = first.json()
    assert (delivery["type"], delivery["state"]) == ("webhook_endpoint.test", "pending")
    await api.post(f"{at}/test", key="t2")
    page = (await api.get(f"{at}/deliveries?limit=1")).json()
    rest = (await api.get(f"{at}/deliveries?limit=1&after={page['next_cursor']}")).json()
    assert rest["data"] == [delivery]
    assert (await api.get(f"{at}/deliveries?state=dead")).json()["data"] == []
    assert (await api.get(f"{at}/deliveries?state=lost")).status_code == 400
    assert (await api.get(f"{at}/deliveries?after=x")).status_code == 400
    shown = (await api.get(f"/v1/webhook-deliveries/{delivery['id']}")).json()
    assert shown == {**delivery, "attempts": []}
    assert (await api.get("/v1/webhook-deliveries/whd_none")).status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/first_position"),
        ({"first_position": 5, "last_position": 4}, "/last_position"),
        ({"first_position": 0}, "/first_position"),
        ({"since": "2026-11-30T10:00:00"}, "/since"),
        ({"since": "2026-11-30T10:00:00Z", "until": "2026-11-30T10:00:00Z"}, "/until"),
    ],
)
async def test_a_range_that_makes_no_sense_is_refused(
    api: Api, body: dict[str, Any], pointer: str
) -> None:
    endpoint = await made(api)
    answer = await api.post(f"{AT}/{endpoint['id']}/resend", body, key="k")
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_a_tenant_has_a_limited_number_of_endpoints(api: Api) -> None:
    for number in range(50):
        await made(api, f"e{number}")
    answer = await api.post(AT, {"url": URL}, key="one more")
    assert answer.status_code == 409
    theirs = await api.post(AT, {"url": URL}, key="e", who=OTHER)
    assert theirs.status_code == 201


async def test_an_endpoint_is_deleted_by_its_tenant_only_and_stays_deleted(api: Api) -> None:
    its = (await made(api))["id"]
    assert (await api.ask("DELETE", f"{AT}/{its}", who=OTHER)).status_code == 404
    assert (await api.ask("DELETE", f"{AT}/{its}", who="reader")).status_code == 403
    for _ in range(2):
        answer = await api.ask("DELETE", f"{AT}/{its}")
        assert (answer.status_code, answer.content) == (204, b"")
    assert (await api.get(f"{AT}/{its}")).status_code == 404
    assert (await api.get(AT)).json()["data"] == []
    assert (await api.get(f"{AT}/{its}/deliveries")).json()["data"] == []
    again = await api.post(AT, {"url": URL}, key="e")
    assert again.status_code == 404, "the key stands for the endpoint that was deleted"
