"""A partner on the kit as its clients see it: over real sockets that really break."""

from __future__ import annotations

import asyncio
import hmac
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from simulators.kit.app import PartnerServer, listen
from simulators.kit.faults import Rule
from tests.polling import until
from tests.simulators.conftest import SECRET, Receiver
from tests.simulators.kit.till import TOKEN, Book, Till


@pytest.fixture
def till(tmp_path: Path) -> Iterator[httpx.Client]:
    """A till that stands still, and a client with its token."""
    started: Future[tuple[int, uvicorn.Server]] = Future()

    def serve() -> None:
        partner, listener = Till(tmp_path / "book.sqlite"), listen(0)
        server = PartnerServer(partner)
        started.set_result((listener.getsockname()[1], server))
        with listener:
            asyncio.run(server.serve(sockets=[listener]))
        partner.book.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    port, server = started.result(timeout=10)
    headers = {"authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers) as client:
        control(client, "clock", {"frozen": True})
        yield client
    server.should_exit = server.force_exit = True
    thread.join(timeout=10)


def control(till: httpx.Client, path: str, body: Any = None) -> Any:
    if body is None:
        return till.get(f"/_control/{path}").json()
    return till.post(f"/_control/{path}", json=body).json()


def take(till: httpx.Client, key: str = "k") -> httpx.Response:
    return till.post("/takings", json={"amount_minor": 5}, headers={"idempotency-key": key})


def takings(till: httpx.Client) -> list[tuple[str, str]]:
    return [(row["unique_request_id"], row["status"]) for row in control(till, "book")["takings"]]


def fault(till: httpx.Client, name: str, **rest: Any) -> None:
    assert "ids" in control(till, "faults", {"fault": name, **rest})


def fired(till: httpx.Client) -> list[tuple[str, str | None, str | None]]:
    log = control(till, "book")["faults_fired"]
    return [(one["fault"], one["unique_request_id"], one["payment_status"]) for one in log]


def test_a_request_is_done_once_in_time_and_in_the_partners_words(till: httpx.Client) -> None:
    assert till.get("/takings/none").status_code == 404
    stranger = till.post("/takings", json={}, headers={"authorization": "Bearer other"})
    assert (stranger.status_code, stranger.json()) == (401, {"error": "unauthorised"})
    taken = take(till)
    assert taken.status_code == 201
    assert take(till).json() == taken.json()
    control(till, "clock", {"advance_seconds": 9})
    assert takings(till) == [("k", "taken")]
    control(till, "clock", {"advance_seconds": 1})
    assert till.get(f"/takings/{taken.json()['id']}").json()["status"] == "completed"
    (balance,) = control(till, "book")["balances"]
    assert balance["amount_minor"] == 5


@pytest.mark.parametrize(
    ("name", "is_done"), [("reply_lost_before", False), ("reply_lost_after", True),
                          ("cut_mid_body", True)],
)  # fmt: skip
@pytest.mark.parametrize("reset", [True, False])
def test_a_lost_reply_is_a_broken_connection(
    till: httpx.Client, name: str, is_done: bool, reset: bool
) -> None:
    fault(till, name, on="POST /takings", param={"reset": reset})
    with pytest.raises(httpx.ReadError if reset else httpx.RemoteProtocolError):
        take(till)
    assert takings(till) == ([("k", "taken")] if is_done else [])
    assert fired(till) == [(name, "k", "taken" if is_done else None)]
    assert take(till).status_code == 201


def test_a_drip_is_whole_in_the_end(till: httpx.Client) -> None:
    fault(till, "drip", param={"bytes": 40, "seconds": 0.01})
    assert take(till).json()["status"] == "taken"


def test_a_refused_token_and_a_full_quota_do_nothing(till: httpx.Client) -> None:
    fault(till, "unauthorised")
    assert take(till).status_code == 401
    control(till, "quotas", {"on": "POST /takings", "limit": 0})
    refused = take(till)
    assert (refused.status_code, refused.json()) == (429, {"error": "rate_limited"})
    assert takings(till) == []
    assert fired(till) == [("unauthorised", "k", None), ("quota", "k", None)]


def test_a_fault_of_its_own_is_ordered_and_drawn_once_for_each_request(
    till: httpx.Client,
) -> None:
    fault(till, "drawer_stuck", on="POST /takings", times=None, probability=0.5, seed=3)
    answers = [take(till, f"k{number}").status_code for number in range(20)]
    draws = [Rule("drip", probability=0.5, seed=3, seen=seen).drawn() for seen in range(20)]
    assert answers == [423 if drawn else 201 for drawn in draws]
    assert [name for name, *_ in fired(till)] == ["drawer_stuck"] * answers.count(423)


def test_an_intervention_is_ordered_by_a_rule_or_made_now(till: httpx.Client) -> None:
    fault(till, "lose", on="POST /takings")
    take(till, "a")
    taken = take(till, "b").json()["id"]
    assert takings(till) == [("a", "lost"), ("b", "taken")]
    assert control(till, f"payments/{taken}", {"fault": "lose"})["status"] == "lost"
    again = till.post(f"/_control/payments/{taken}", json={"fault": "lose"})
    assert again.status_code == 409
    assert till.post(f"/_control/payments/{taken}", json={"fault": "drip"}).status_code == 400
    assert fired(till) == [("lose", "a", "taken"), ("lose", "b", "taken")]
    control(till, "clock", {"advance_seconds": 60})
    assert takings(till) == [("a", "lost"), ("b", "lost")], "a step that comes too late is none"


def test_a_notification_is_signed_and_sent_again_until_it_is_taken(
    till: httpx.Client, receiver: Receiver
) -> None:
    receiver.answers = [500]
    control(till, "webhooks", {"url": receiver.url, "secret": SECRET, "retry_seconds": [5]})
    taken = take(till).json()["id"]
    control(till, "clock", {"advance_seconds": 10})
    # The next try is due five seconds after the answer to the first was noted.
    until(lambda: control(till, "webhooks")["deliveries"][0]["attempts"] == 1, "the first try")
    control(till, "clock", {"advance_seconds": 5})
    assert receiver.await_messages(2) == [{"kind": "completed", "id": taken}] * 2
    headers, body = receiver.came[0]
    assert headers["signature"] == hmac.digest(SECRET.encode(), body, "sha256").hex()
    unknown = control(till, "webhooks/send", {"payment_id": taken, "fault": "webhook_forged",
                                              "param": {"instead": True}})  # fmt: skip
    assert len(unknown["deliveries"]) == 2
    receiver.await_messages(3)
    headers, body = receiver.came[2]
    assert headers["signature"] != hmac.digest(SECRET.encode(), body, "sha256").hex()


def test_a_killed_process_goes_on_with_its_book(tmp_path: Path) -> None:
    file = tmp_path / "book.sqlite"
    module = [sys.executable, "-m", "tests.simulators.kit.till"]
    command = [*module, "serve", "--db", str(file), "--complete-after", "3600"]
    addresses = []
    for end in (signal.SIGKILL, signal.SIGTERM):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("Till simulator listening on http://127.0.0.1:")
            addresses.append(line.split()[-1])
            headers = {"authorization": f"Bearer {TOKEN}"}
            with httpx.Client(base_url=addresses[-1], headers=headers) as client:
                assert take(client).status_code == 201
                assert control(client, "delays")["complete_after"] == 3600
            process.send_signal(end)
            assert process.wait(10) == (-signal.SIGKILL if end is signal.SIGKILL else 0)
    shown = subprocess.check_output([*module, "book", "--db", str(file)])
    assert len(json.loads(shown)["takings"]) == 1
    assert Book.read_contents(file) == json.loads(shown)
    with pytest.raises(FileNotFoundError):
        Book.read_contents(tmp_path / "other")
