"""The OpenAPI document is true of itself, so that generators and judges can read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starter.api.document import LINKS
from tests.starter.api.conftest import SHOP, Api, transfer
from tests.starter.api.test_tenants import ALL_OF, MAKERS, can_make_all


async def operations(api: Api) -> dict[str, dict[str, Any]]:
    """The documented operations, by their ids."""
    document = (await api.get("/openapi.json", who="")).json()
    return {
        operation["operationId"]: {**operation, "address": address, "method": method}
        for address, item in document["paths"].items()
        for method, operation in item.items()
    }


async def test_the_body_of_a_payment_is_the_documented_one(api: Api) -> None:
    document = (await api.get("/openapi.json", who="")).json()
    assert document["openapi"].startswith("3.1")
    schema = document["components"]["schemas"]["PaymentBody"]
    assert set(transfer()) <= set(schema["properties"])
    assert schema["additionalProperties"] is False


async def test_each_documented_type_has_a_name_of_its_own(api: Api) -> None:
    """Two types of one name get the names of our modules, which no generated client can read."""
    document = (await api.get("/openapi.json", who="")).json()
    assert [name for name in document["components"]["schemas"] if "__" in name] == []


async def test_each_link_names_parameters_of_its_target(api: Api) -> None:
    documented = await operations(api)
    for source, links in LINKS.items():
        for target, parameters in links.items():
            named = {each["name"] for each in documented[target]["parameters"]}
            assert set(parameters) <= named, (source, target)
            places = {place.split("/")[1] for place in parameters.values()}
            assert places <= await answered(api, documented[source]), (source, target)


async def test_the_links_lead_from_the_lists_to_an_object_of_each_kind(
    api: Api, tmp_path: Path
) -> None:
    await can_make_all(api, tmp_path)
    # Deliveries come before endpoints, so that the oldest endpoint has one.
    for make in reversed(MAKERS.values()):
        await make(api)
    documented = await operations(api)
    reached: set[str] = set()

    async def walk(name: str, given: dict[str, str]) -> None:
        address = documented[name]["address"]
        path = address.format(**given)
        query = {each: value for each, value in given.items() if f"{{{each}}}" not in address}
        answer = await api.get(f"{path}?{urlencode(query)}", who=ALL_OF[SHOP])
        if address.endswith("/action") and answer.status_code == 404:
            return  # There may be nothing to do.
        assert answer.status_code == 200, (name, given, answer.text)
        reached.add(address)
        for target, parameters in LINKS.get(name, {}).items():
            found = {each: value_at(answer.json(), at) for each, at in parameters.items()}
            is_next_page = target == name
            is_get = documented[target]["method"] == "get"
            if is_get and not is_next_page and None not in found.values():
                await walk(target, found)

    for name, operation in documented.items():
        if operation["method"] == "get" and name in LINKS and "{" not in operation["address"]:
            await walk(name, {})
    assert set(MAKERS) <= reached


def value_at(answer: Any, expression: str) -> Any:
    """What a link such as `$response.body#/data/0/id` names; None in an empty list."""
    for step in expression.partition("#/")[2].split("/"):
        if answer == []:
            return None
        answer = answer[int(step)] if step.isdigit() else answer[step]
    return answer


async def answered(api: Api, operation: dict[str, Any]) -> set[str]:
    """The fields of what an operation answers if it goes well."""
    schemas = (await api.get("/openapi.json", who="")).json()["components"]["schemas"]
    good = next(value for status, value in operation["responses"].items() if status[0] == "2")
    name = good["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    return set(schemas[name]["properties"])


async def test_each_operation_documents_that_it_may_refuse(api: Api) -> None:
    for name, operation in (await operations(api)).items():
        if name in ("health", "ready", "version"):
            continue
        refused = {status for status in operation["responses"] if status[0] == "4"}
        assert refused, name
