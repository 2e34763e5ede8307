"""Finds which user of this machine is at the other end of a connection.

Every user of the machine can reach a loopback port, and neither a browser nor Temporal's UI can
prove which user runs it. The kernel knows: Linux lists the user of each socket.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Final

from starlette.requests import Request

_TABLES: Final = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
#: Columns of a line: the socket's own address, that of its peer, and the user.
_LOCAL, _REMOTE, _USER = 1, 2, 7


def can_tell_users() -> bool:
    """Whether this system shows the user of a connection."""
    return _TABLES[0].exists()


def user_of(request: Request) -> int | None:
    """The user id of the requesting program; None if it is on another machine or not known."""
    server = request.scope.get("server")
    if request.client is None or server is None:
        return None
    wanted = (_hex(request.client.host, request.client.port), _hex(server[0], server[1]))
    if None in wanted:
        return None
    return next((user for local, remote, user in _sockets() if (local, remote) == wanted), None)


def _sockets() -> Iterator[tuple[str, str, int]]:
    for table in _TABLES:
        try:
            lines = table.read_text().splitlines()[1:]
        except FileNotFoundError:
            continue
        for line in lines:
            columns = line.split()
            yield _as_ipv4(columns[_LOCAL]), _as_ipv4(columns[_REMOTE]), int(columns[_USER])


def _hex(host: str, port: int) -> str | None:
    """An IPv4 address and port as the kernel writes them, with the four bytes reversed.

    None for an IPv6 address that maps no IPv4 address.
    """
    address = ip_address(host)
    if not isinstance(address, IPv4Address):
        mapped = address.ipv4_mapped
        if mapped is None:
            return None
        address = mapped
    return f"{address.packed[::-1].hex().upper()}:{port:04X}"


def _as_ipv4(address: str) -> str:
    """The address without an IPv6 prefix: an IPv6 socket reaches 127.0.0.1 as ::ffff:127.0.0.1."""
    host, _, port = address.partition(":")
    return f"{host.removeprefix('0000000000000000FFFF0000')}:{port}"
