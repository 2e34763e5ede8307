"""Webhooks reach no address that only we can reach, however it is written."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from transport.targets import BadTarget, Resolver, address_of, checked_target, is_public

HERE = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "0.0.0.0", "0.1.2.3", "192.0.0.8", "192.0.2.1", "198.18.0.1", "224.0.0.1",
        "239.255.255.250", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fc00::1",
        "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1",
        "::ffff:169.254.169.254", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
        "2002:a9fe:a9fe::1", "::127.0.0.1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_known(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_a_public_address_is_known(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://example.com/hook", "plain http"),
        ("https://127.0.0.1/hook", "private"),
        ("https://[::1]/hook", "private"),
        ("https://[::ffff:10.0.0.1]/hook", "private"),
        ("https://localhost/hook", "private"),
        ("https://shop.localhost:8443/hook", "private"),
        ("https://169.254.169.254/latest/meta-data", "private"),
        ("https://user:pw@example.com/", "login"),
        ("https://example.com/#part", "fragment"),
        ("https://example.com:0/", "port 0"),
        ("https://example.com:99999/", "cannot be read"),
        ("https://", "no address"),
        ("ftp://example.com/", "no address"),
        ("//example.com/", "no address"),
        ("https://exämple.com/", "no address"),
        ("https://example.com/a b", "no address"),
        ("https://example.com/a\r\nx: y", "no address"),
        ("https://example.com/" + "a" * 2000, "no address"),
        ("https://[::1/", "cannot be read"),
        ("", "no address"),
    ],
)
def test_a_url_that_is_refused_says_why_without_the_url(url: str, why: str) -> None:
    with pytest.raises(BadTarget, match=why) as refused:
        checked_target(url, ())
    assert "example" not in str(refused.value)
    assert "169" not in str(refused.value)


def test_a_url_has_its_parts() -> None:
    target = checked_target("https://example.com:8443/hook?a=b", ())
    assert (target.authority, target.path) == ("example.com:8443", "/hook?a=b")
    assert checked_target("https://example.com", ()).authority == "example.com"
    assert checked_target("https://[2606:4700::1111]/", ()).authority == "[2606:4700::1111]"


def test_a_setting_allows_a_network_and_plain_http_there_only() -> None:
    assert checked_target("http://127.0.0.1:4000/hook", HERE).port == 4000
    assert checked_target("http://localhost:4000/hook", HERE).host == "localhost"
    with pytest.raises(BadTarget, match="private"):
        checked_target("https://10.0.0.1/", HERE)
    with pytest.raises(BadTarget, match="plain http"):
        checked_target("http://8.8.8.8/", HERE)


async def test_each_address_of_a_name_must_be_allowed_and_the_judged_one_is_returned() -> None:
    async def resolved(*addresses: str, url: str = "https://shop.example/") -> str:
        async def resolve(host: str, port: int) -> list[str]:
            assert (host, port) == ("shop.example", 443 if url.startswith("https") else 80)
            return [*addresses]

        return await address_of(checked_target(url, HERE), HERE, resolve)

    assert await resolved("8.8.8.8", "2606:4700::1111") == "8.8.8.8"
    for bad in (("8.8.8.8", "10.0.0.1"), ("fe80::1%eth0",), ("169.254.169.254",)):
        with pytest.raises(BadTarget, match="private") as refused:
            await resolved(*bad)
        assert bad[-1] not in str(refused.value)
    assert await resolved("127.0.0.1") == "127.0.0.1", "the setting allows it"
    assert await resolved("127.0.0.1", url="http://shop.example/") == "127.0.0.1"
    with pytest.raises(BadTarget, match="plain http"):
        await resolved("8.8.8.8", url="http://shop.example/")
    with pytest.raises(OSError, match="no address"):
        await resolved()


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "0177.0.0.1"])
async def test_a_number_that_a_resolver_takes_for_an_address_is_judged_after_it(host: str) -> None:
    """The system reads these as 127.0.0.1, and Python's own check reads them as names."""
    resolver = Resolver(1)
    try:
        with pytest.raises(BadTarget, match="private"):
            await address_of(checked_target(f"https://{host}/", ()), (), resolver)
    finally:
        resolver.close()
