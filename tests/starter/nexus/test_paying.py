"""A workflow of another team in its own namespace pays, is told the end, and cancels."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from nexusrpc import get_service_definition
from pydantic import ValidationError
from temporalio.nexus import WorkflowRunOperationContext

from activities.payment_ends import PAUSE_MAX, pause
from assembly import Assembly
from domain.ids import payment_end_id
from domain.payments.report import PaymentState
from finality_client import nexus
from settings import NexusDoor
from starter.nexus import service
from starter.nexus.door import Door, door
from store.keyring import Keyring, KeyringError, new_line
from tests.clock import START
from tests.fakes import CREDITOR_IBAN, CREDITOR_NAME, DEBTOR_IBAN
from tests.starter.nexus.caller import buyer, connected
from tests.starter.nexus.shop import DOOR, Shop, next_week, order
from tests.words import Word
from tests.world import KEYRING, world

CREDITED = Word("credited", PaymentState.FINAL)


async def test_the_operation_ends_with_the_payment_and_says_how(shop: Shop) -> None:
    shop.world.partner.lives["END"] = (CREDITED,)
    bought = await (await shop.buy("end", order("END"))).result()
    assert bought.payment is not None, bought
    assert (bought.payment["key"], bought.payment["state"]) == ("end", "final")
    assert bought.payment["certainty"] == "sent"
    assert bought.payment["amounts"]["settled"] == {"minor": 1250, "currency": "EUR"}
    assert CREDITOR_IBAN not in str(bought.payment)


async def test_one_key_is_one_payment_however_often_it_is_ordered(shop: Shop) -> None:
    shop.world.partner.lives["ONCE"] = (CREDITED,)
    sent = shop.world.partner.count("submit")
    at_once = [await shop.buy("once", order("ONCE")) for _ in range(3)]
    ends = [(await each.result()).payment for each in at_once]
    ends.append((await (await shop.buy("once", order("ONCE"))).result()).payment)
    assert len({end["id"] for end in ends if end}) == 1
    assert all(end and end["state"] == "final" for end in ends)
    assert shop.world.partner.count("submit") == sent + 1
    reused = await (await shop.buy("once", order("ONCE", minor=7))).result()
    assert reused.kind == "key-reused"
    twin = await (await shop.buy("twice", order("ONCE"))).result()
    assert twin.kind == "possible-duplicate"
    assert twin.problem is not None
    meant = order("ONCE", **twin.problem["acknowledge"])
    assert (await (await shop.buy("twice", meant)).result()).payment is not None


@pytest.mark.parametrize(
    ("key", "asked", "pointer"),
    [
        ("bad", {"creditor_account": {"iban": "DE00370400440532013000"}}, "/creditor_account/iban"),
        ("who", {"partner_account": "another"}, "/debtor_account"),
        ("odd", {"surprise": 1}, "/surprise"),
        ("amount", {"instructed_amount": {"minor": 12.5, "currency": "EUR"}},
         "/instructed_amount/minor"),
    ],
)  # fmt: skip
async def test_a_refused_order_fails_with_its_kind_and_the_field(
    shop: Shop, key: str, asked: dict[str, Any], pointer: str
) -> None:
    bought = await (await shop.buy(key, order(key.upper()) | asked)).result()
    assert bought.kind == "invalid", bought
    assert bought.problem is not None
    assert [each["pointer"] for each in bought.problem["errors"]] == [pointer]
    assert (await shop.look(key)).kind == "not-found"


@pytest.mark.parametrize("times", [{}, {"submit_before": None}])
async def test_a_sealed_order_counts_until_a_moment_that_it_names(
    shop: Shop, times: dict[str, Any]
) -> None:
    """Who has no key could keep it, and send it again once a refused key is free."""
    day = next_week(shop)["requested_execution_date"]
    for more in ({}, {"requested_execution_date": day}):
        bought = await (await shop.buy("ever", order("EVER", times=times | more))).result()
        assert bought.kind == "invalid", bought
        assert bought.problem is not None
        [error] = bought.problem["errors"]
        assert error["pointer"] == "/times/submit_before"
        assert "give the moment" in error["detail"]
    late = order("LATE", times={"submit_before": (START - timedelta(days=9999)).isoformat()})
    bought = await (await shop.buy("ever", late)).result()
    assert bought.problem is not None
    assert [each["pointer"] for each in bought.problem["errors"]] == ["/times/submit_before"]
    assert (await shop.look("ever")).kind == "not-found"


@pytest.mark.parametrize("key", [" blank", "blank ", " ", "", "two\nlines", "x" * 256])
async def test_a_key_that_http_would_change_is_refused(shop: Shop, key: str) -> None:
    """HTTP takes blanks off both ends, so one key would stand for two payments."""
    bought = await (await shop.buy(key, order("BLANKS"))).result()
    assert bought.payment is None
    assert "key" in str(bought.refused), bought
    assert (await shop.look("blank", cancel=key or " ")).payment is None
    for each in (service.GetRequest, service.PayRequest, service.CancelRequest):
        given = {"key": key, "order": {}, "command": key}
        with pytest.raises(ValidationError) as refused:
            each.model_validate({name: given[name] for name in each.model_fields if name in given})
        assert "key" in str(refused.value)
        assert key.strip() == key or "begins or ends with a blank" in str(refused.value)


def test_a_key_may_have_blanks_between_its_words() -> None:
    assert service.GetRequest(key="invoice 17").key == "invoice 17"
    assert service.GetRequest(key="1").key == "1"


async def test_an_order_that_is_too_deep_or_too_long_is_refused(shop: Shop) -> None:
    deep: Any = "end"
    for _ in range(20):
        deep = [deep]
    assert (await (await shop.buy("deep", order("DEEP", remit=deep))).result()).kind == "malformed"
    long = order("LONG", remittance_information="x" * 70_000)
    assert (await (await shop.buy("long", long)).result()).kind == "too-large"


async def test_a_cancelled_operation_cancels_the_payment_before_it_is_sent(shop: Shop) -> None:
    sent = shop.world.partner.count("submit")
    buying = await shop.buy("stop", order("STOP", times=next_week(shop)))
    payment_id = await shop.recorded("stop")
    await buying.cancel()
    bought = await buying.result()
    assert bought.payment is not None, bought
    assert (bought.payment["id"], bought.payment["state"]) == (payment_id, "cancelled")
    assert shop.world.partner.count("submit") == sent


async def test_a_payment_is_cancelled_without_its_operation_and_ends_it(shop: Shop) -> None:
    buying = await shop.buy("late", order("LATE", times=next_week(shop)))
    await shop.recorded("late")
    for _ in range(2):
        seen = (await shop.look("late", cancel="c1")).payment
        assert seen is not None
        assert seen["state"] == "cancelled"
    assert (await buying.result()).payment == (await shop.look("late")).payment


async def test_a_worker_that_stops_in_between_loses_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.world.partner.lives["KILL"] = (CREDITED,)
    start = WorkflowRunOperationContext.start_workflow
    broken: list[str] = []

    async def breaks_once(self: Any, *args: Any, **named: Any) -> Any:
        if not broken:
            broken.append(named["id"])
            raise RuntimeError("killed after the payment was recorded")
        return await start(self, *args, **named)

    monkeypatch.setattr(WorkflowRunOperationContext, "start_workflow", breaks_once)
    sent = shop.world.partner.count("submit")
    bought = await (await shop.buy("kill", order("KILL"))).result()
    assert broken, "it was not killed"
    assert bought.payment is not None, bought
    waiting = await shop.buy("rest", order("REST", times=next_week(shop)))
    await shop.recorded("rest")
    await shop.world.rest()
    await waiting.cancel()
    await shop.world.work()
    ended = (await waiting.result()).payment
    assert ended is not None
    assert ended["state"] == "cancelled"
    assert shop.world.partner.count("submit") == sent + 1


async def test_a_run_that_continues_as_new_still_ends_the_operation(shop: Shop) -> None:
    buying = await shop.buy("long-wait", order("WAIT", times=next_week(shop)))
    payment_id = await shop.recorded("long-wait")
    await shop.continued(payment_id)
    await buying.cancel()
    bought = await buying.result()
    assert bought.payment is not None, bought
    assert bought.payment["state"] == "cancelled"


async def test_the_operations_payloads_show_no_account_number_and_no_name(shop: Shop) -> None:
    """What the other team's workflow itself is given and returns is theirs to seal."""
    shop.world.partner.lives["SEALED"] = (CREDITED,)
    buying = await shop.buy("sealed", order("SEALED"))
    bought = await buying.result()
    assert bought.payment is not None, bought
    waits = shop.ours.get_workflow_handle(payment_end_id(DOOR, "shop", bought.payment["id"]))
    ours = [event async for event in waits.fetch_history_events()]
    theirs = [event async for event in buying.fetch_history_events()]
    theirs = [event for event in theirs if "nexus" in str(event.WhichOneof("attributes"))]
    kinds = {str(event.WhichOneof("attributes")) for event in theirs}
    assert any("scheduled" in kind for kind in kinds), kinds
    assert any("completed" in kind for kind in kinds), kinds
    texts = b"".join(event.SerializeToString() for event in (*ours, *theirs))
    assert b"sealed-for" in texts
    for secret in (CREDITOR_IBAN, DEBTOR_IBAN, CREDITOR_NAME):
        assert secret.encode() not in texts


@pytest.mark.parametrize("seals", [True, False])
async def test_a_team_without_the_doors_key_orders_nothing(shop: Shop, seals: bool) -> None:
    address = shop.theirs.service_client.config.target_host
    stranger = await connected(address, new_line("key") if seals else None)
    key = f"stranger-{seals}"
    async with buyer(stranger, "strangers"):
        bought = await (await shop.buy(key, order("STRANGE"), stranger, "strangers")).result()
    assert bought.payment is None
    assert bought.refused, bought
    assert (await shop.look(key)).kind == "not-found"


async def test_a_payment_of_another_tenant_is_not_found(shop: Shop) -> None:
    other = shop.world.ordered.model_copy(update={"tenant": "other"})
    await shop.world.pay("theirs", of=other)
    assert (await shop.look("theirs")).kind == "not-found"
    assert (await shop.look("theirs", cancel="c")).kind == "not-found"


def test_a_door_needs_a_keyring_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(KeyringError, match=r"nexus\.buyers\.keyring_file: there is no file"):
        door("buyers", "shop", ["bank/main"], tmp_path / "none", KEYRING)
    line = new_line("key")
    file = _keyring(tmp_path / "buyers", line)
    for own in (line, f"named-otherwise:{line.partition(':')[2]}"):
        with pytest.raises(KeyringError, match="is in our own keyring, too"):
            door("buyers", "shop", [], file, Keyring.read(_keyring(tmp_path / "own", own)))
    assert door("buyers", "shop", ["bank/main"], file, KEYRING).accounts == {("bank", "main")}


def _keyring(file: Path, lines: str) -> Path:
    file.touch(mode=0o600)
    file.write_text(lines)
    return file


def _doors(assembly: Assembly, folder: Path, *keyrings: str) -> list[Door]:
    """Doors of which each has one of these keyrings."""
    doors = {
        f"door{number}": NexusDoor(tenant="shop", keyring_file=_keyring(folder / f"{number}", each))
        for number, each in enumerate(keyrings, start=1)
    }
    assembly.settings = assembly.settings.model_copy(update={"nexus": doors})
    return assembly.doors


async def test_no_key_opens_two_doors(tmp_path: Path) -> None:
    """The seal does not name the door: what is sealed for one would count at the other, too."""
    one, other = new_line("key"), new_line("key")
    key = one.partition(":")[2]
    async with world(tmp_path / "home", "127.0.0.1:1") as made:
        named = [each.name for each in _doors(made.assembly, tmp_path, one, other)]
        assert named == ["door1", "door2"]
        for shares in (one, other + one, f"named-otherwise:{key}"):
            with pytest.raises(KeyringError, match=r"^nexus\.door2\.keyring_file: ") as refused:
                _doors(made.assembly, tmp_path, one, shares)
            assert "in the keyring of nexus.door1, too" in str(refused.value)
            assert "finality new-key" in str(refused.value)
            assert key.strip() not in str(refused.value)
        with pytest.raises(
            KeyringError, match=r"the key 'plain' is in the keyring of nexus\.door1"
        ):
            _doors(made.assembly, tmp_path, f"plain:{key}", f"plain:{other.partition(':')[2]}")


def test_the_client_asks_what_the_service_offers() -> None:
    """The two are written twice, since the client imports nothing of ours."""
    ours, theirs = (
        get_service_definition(each) for each in (service.FinalityPayments, nexus.FinalityPayments)
    )
    assert ours is not None
    assert theirs is not None
    assert ours.name == theirs.name == nexus.SERVICE
    assert set(ours.operation_definitions) == set(theirs.operation_definitions)
    for name, one in ours.operation_definitions.items():
        other = theirs.operation_definitions[name]
        assert one.output_type == other.output_type
        assert set(one.input_type.model_fields) == set(other.input_type.model_fields)


def test_a_pause_grows_with_the_time_since_the_last_change() -> None:
    pauses = [pause(START - timedelta(seconds=ago), START) for ago in (-5, 0, 80, 10**7)]
    assert pauses == [timedelta(seconds=1)] * 2 + [timedelta(seconds=10), PAUSE_MAX]
