"""Which addresses of partners credentials may be sent to."""

from __future__ import annotations

import pytest

from tests.clock import SteppedClock
from transport.address import BadAddress, checked_address, is_this_machine
from transport.http import Transport


@pytest.mark.parametrize(
    "url",
    [
        "https://api.bank.example", "https://API.bank.example/v2/", "https://bank:8443",
        "http://127.0.0.1:8080", "http://127.8.9.10:1", "http://localhost:8235",
        "http://LOCALHOST/", "http://[::1]:8080",
    ],
)  # fmt: skip
def test_https_is_taken_everywhere_and_http_on_this_machine(url: str) -> None:
    assert checked_address(url).hostname


@pytest.mark.parametrize(
    "url",
    [
        "http://api.bank.example", "http://bank", "http://bank:8080", "http://10.0.0.7",
        "http://localhost.bank.example", "http://127.0.0.1.bank.example", "http://0.0.0.0",
        "http://2130706433", "http://127.1", "http://[::ffff:10.0.0.7]", "http://[fe80::1]",
        "http://localhost@bank.example", "http://127.0.0.1:80@bank.example",
        "HTTP://bank.example",
    ],
)  # fmt: skip
def test_http_to_another_machine_is_refused(url: str) -> None:
    with pytest.raises(BadAddress):
        checked_address(url)
    with pytest.raises(BadAddress):
        Transport(url, clock=SteppedClock())


@pytest.mark.parametrize(
    "url",
    [
        "", "x", "https://", "ftp://127.0.0.1", "file:///etc/passwd", "https://me:key@bank.example",
        "https://bank.example?x=1", "https://bank.example#x",
        "https://bank.example:99999", "https://bank.example\n", "https://bank .example",
        "https://b\u0430nk.example", "//bank.example",
    ],
)  # fmt: skip
def test_what_is_more_or_less_than_a_host_is_refused(url: str) -> None:
    with pytest.raises(BadAddress) as refused:
        checked_address(url)
    assert "key" not in str(refused.value)


def test_a_name_without_a_dot_is_not_this_machine() -> None:
    assert not is_this_machine("bank")
    assert not is_this_machine("0.0.0.0")
    assert is_this_machine("localhost")
