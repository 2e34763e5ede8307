"""Files over HTTP: accepted whole under a key, and never from or for another tenant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx

from tests.fakes import CREDITOR_IBAN, DEBTOR_IBAN
from tests.messages.files import DEBTOR, Block, nested, pain001, transfer
from tests.starter.api.conftest import OTHER, Api
from tests.starter.api.test_payments import recorded


def a_file(message_id: str, *euros: int, debtor: str = DEBTOR_IBAN) -> bytes:
    """A file that pays these amounts, as soon as it can be."""
    lines = [transfer(f"{one}.00", ids=nested("PmtId/EndToEndId", f"I-{one}")) for one in euros]
    day = nested("ReqdExctnDt/Dt", str(datetime.now(UTC).date() + timedelta(days=3)))
    text = pain001(Block(lines, day=day), message_id=message_id)
    return text.replace(DEBTOR.encode(), debtor.encode())


async def post(
    api: Api, body: bytes, key: str = "f", query: str = "", **more: str
) -> httpx.Response:
    headers = {"content_type": "application/xml", **more}
    return await api.post(f"/v1/files{query}", content=body, key=key, **headers)


async def test_a_file_that_is_no_pain001_is_refused_and_its_key_stays_free(api: Api) -> None:
    for body in (b"<a/>", b"no xml", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'):
        answer = await post(api, body)
        assert answer.status_code == 422, answer.text
        assert answer.json()["type"] == "urn:finality:problem:file-refused"
    assert recorded(api) == 0


async def test_a_file_of_another_tenants_account_pays_nothing(api: Api) -> None:
    answer = await post(api, a_file("F-1", 1, debtor=CREDITOR_IBAN))
    assert answer.status_code == 422
    assert [each["code"] for each in answer.json()["errors"]] == ["AC02"]
    assert recorded(api) == 0
    assert (await api.get("/v1/files/F-1", who=OTHER)).status_code == 404


async def test_a_file_needs_xml_and_has_its_own_limit(api: Api) -> None:
    assert (await post(api, b"{}", content_type="application/json")).status_code == 415
    assert (await post(api, b" " * (256 * 1024 + 1))).status_code == 413


async def test_a_file_is_accepted_once_under_its_key_and_read_line_by_line(api: Api) -> None:
    first = await post(api, a_file("F-1", 1, 2))
    assert (first.status_code, first.headers["idempotent-replayed"]) == (201, "false"), first.text
    shown = first.json()
    assert (shown["id"], shown["status"], len(shown["lines"])) == ("F-1", "ACTC", 2)
    assert all(line["payment_id"] for line in shown["lines"])
    again = await post(api, a_file("F-1", 1, 2))
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    assert again.json()["lines"] == shown["lines"]
    other_file = await post(api, a_file("F-2", 3))
    assert (other_file.status_code, other_file.json()["id"]) == (409, "F-1")
    other_content = await post(api, a_file("F-1", 4), "g")
    assert other_content.json()["type"] == "urn:finality:problem:file-taken"
    repeated = await post(api, a_file("F-3", 1), "h")
    assert repeated.json()["type"] == "urn:finality:problem:possible-duplicate"
    ids = repeated.json()["acknowledge"]["acknowledge"]
    assert ids == shown["lines"][0]["payment_id"]
    meant = await post(api, a_file("F-3", 1), "h", f"?acknowledge={ids}")
    assert meant.status_code == 201, meant.text
    listed = (await api.get("/v1/files")).json()["data"]
    assert sorted(each["id"] for each in listed) == ["F-1", "F-3"]
    assert (await api.get("/v1/files/F-1")).json()["lines"] == shown["lines"]
    assert (await api.get("/v1/files/F-1", who=OTHER)).status_code == 404
    assert recorded(api) == 3


async def test_the_same_file_of_another_tenant_is_another_file(api: Api) -> None:
    """Its sender and message id are the same, and its payments are not shown to the other."""
    await post(api, a_file("F-1", 1))
    answer = await post(api, a_file("F-1", 1), who=OTHER)
    assert answer.status_code == 422, "the account is not the other tenant's"
    assert (await api.get("/v1/payments", who=OTHER)).json()["data"] == []


async def test_two_senders_may_use_one_message_id_and_each_key_finds_its_own_file(api: Api) -> None:
    """The parties differ in their id alone, so only the file's key tells the files apart."""
    one = a_file("F-1", 1)
    other = a_file("F-1", 2).replace(
        b"</InitgPty>",
        b"<Id><OrgId><Othr><Id>4711</Id></Othr></OrgId></Id></InitgPty>",
        1,
    )
    assert other != a_file("F-1", 2)
    first, second = await post(api, one, "a"), await post(api, other, "b")
    assert (first.status_code, second.status_code) == (201, 201), second.text
    again = await post(api, one, "a")
    assert again.status_code == 200
    assert again.json()["lines"] == first.json()["lines"] != second.json()["lines"]
    several = await api.get("/v1/files/F-1")
    problem = several.json()
    assert (several.status_code, problem["type"]) == (409, "urn:finality:problem:several-files")
    keys = {each["file_key"] for each in problem["files"]}
    assert keys == {first.json()["file_key"], second.json()["file_key"]}
    for made in (first, second):
        found = await api.get(f"/v1/files/F-1?file_key={made.json()['file_key']}")
        assert found.json()["lines"] == made.json()["lines"]
    assert (await api.get("/v1/files/F-1?file_key=none")).status_code == 404
