"""Where webhooks of ours may go. Tenants choose the addresses, so each is a possible attack on us.

A tenant's URL must not reach what only we can reach: this machine, private networks, the metadata
service of a cloud. A check of the name alone would prove nothing, since a name can resolve to
another address a moment later. So the address is judged after the name is resolved, and the
connection goes to that address (`transport/posting.py`).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
#: Resolves a host and port to addresses. It may raise OSError.
Resolve = Callable[[str, int], Awaitable[list[str]]]

URL_LENGTH_MAX: Final = 2000
_PORTS: Final = {"https": 443, "http": 80}
_RESOLVE_SECONDS: Final = 5.0
#: IPv6 addresses that stand for an IPv4 address, and the bits by which it is shifted.
_EMBEDDING: Final = (
    (ip_network("::ffff:0:0/96"), 0),
    (ip_network("64:ff9b::/96"), 0),
    (ip_network("::/96"), 0),
    (ip_network("2002::/16"), 80),
)
#: What the registries of special addresses hold and `ipaddress` of an earlier Python takes for
#: public (IANA, RFC 6890).
_SPECIAL: Final = tuple(
    map(ip_network, (
        "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "100.64.0.0/10", "2001::/23",
        "2001:db8::/32", "3fff::/20",
    ))
)  # fmt: skip
#: All public addresses of IPv6 are in it.
_GLOBAL_IPV6: Final = ip_network("2000::/3")
#: Names that mean this machine, whatever a resolver says of them (RFC 6761, 6.3).
_LOCAL_NAMES: Final = ("localhost", ".localhost")


class BadTarget(ValueError):
    """Nothing is sent to this address. The text says why without repeating it."""


@dataclass(frozen=True)
class Target:
    """The parts of a receiver's URL."""

    scheme: str
    host: str
    port: int
    path: str
    """With the query."""

    @property
    def authority(self) -> str:
        """As the Host header names it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def checked_target(url: str, allowed: Sequence[Network]) -> Target:
    """The parts of a receiver's URL, as far as it can be judged before its name is resolved.

    Args:
        allowed: networks that may be reached although they are private, also by plain http.

    Raises:
        BadTarget: it is no URL of a receiver, or the address in it may not be reached.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise BadTarget("cannot be read; give https://HOST/PATH") from None
    is_plain = url.isascii() and url.isprintable() and not set(url) & set(' "<>\\^`{|}')
    if not is_plain or len(url) > URL_LENGTH_MAX or not host or parts.scheme not in _PORTS:
        raise BadTarget(
            f"is no address of a receiver; give https://HOST/PATH, of up to {URL_LENGTH_MAX} ASCII "
            "characters"
        )
    if parts.username is not None or parts.password is not None:
        raise BadTarget("holds a login; leave it out, the signature shows who sends")
    if parts.fragment:
        raise BadTarget("holds a fragment, which is never sent; leave out everything after #")
    if port == 0:
        raise BadTarget("names port 0; leave the port out, or give the receiver's")
    if parts.scheme == "http" and not allowed:
        raise BadTarget("is plain http; give https, since anybody on the way could read events")
    target = Target(
        scheme=parts.scheme,
        host=host,
        port=port or _PORTS[parts.scheme],
        path=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
    )
    if host.endswith(_LOCAL_NAMES[1]) or host == _LOCAL_NAMES[0]:
        _require(ip_address("127.0.0.1"), target, allowed)
    try:
        literal = ip_address(host)
    except ValueError:
        return target
    _require(literal, target, allowed)
    return target


async def address_of(target: Target, allowed: Sequence[Network], resolve: Resolve) -> str:
    """The address to connect to. Every address that the name has must be allowed.

    Raises:
        BadTarget: the name has an address that may not be reached.
        OSError: it cannot be resolved now.
    """
    async with asyncio.timeout(_RESOLVE_SECONDS):
        found = await resolve(target.host, target.port)
    if not found:
        raise OSError("the host has no address")
    for each in found:
        _require(ip_address(each.partition("%")[0]), target, allowed)
    return found[0]


class Resolver:
    """The system's resolver, on threads of its own: names that nobody answers for must not hold up
    the resolving of partners' names."""

    def __init__(self, threads: int = 16) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="webhook-names")

    async def __call__(self, host: str, port: int) -> list[str]:
        """The addresses of a host.

        Raises:
            OSError: it cannot be resolved.
        """
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return [str(address[0]) for *_, address in found]

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet, and to one machine there."""
    if isinstance(address, IPv6Address):
        for network, shift in _EMBEDDING:
            if address in network:
                return is_public(IPv4Address(int(address) >> shift & 0xFFFFFFFF))
        if address not in _GLOBAL_IPV6:
            return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or any(address in each for each in _SPECIAL)
    )


def _require(address: Address, target: Target, allowed: Sequence[Network]) -> None:
    """Refuse an address that may not be reached.

    Raises:
        BadTarget: it is not allowed. The text does not name the address, which may be a secret of
            our network.
    """
    plain = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    if any((plain or address) in network for network in allowed):
        return
    if target.scheme == "http":
        raise BadTarget("is plain http, which the setting `webhook_networks` does not allow there")
    if not is_public(address):
        raise BadTarget(
            "leads to a private, local or reserved address; give a public one, or have the network "
            "added to the setting `webhook_networks`"
        )
