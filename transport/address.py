"""Addresses of partners: https everywhere, plain http to this machine only.

A host is this machine if it is a loopback address or `localhost`. Other names without a dot are
not: a resolver with a search domain may send `http://bank` to any machine.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit


class BadAddress(ValueError):
    """Credentials must not be sent to this address. The text says why without repeating it."""


def is_this_machine(host: str) -> bool:
    """Whether the host of a URL is the loopback: 127.0.0.0/8, ::1 or `localhost`."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_page(url: str) -> bool:
    """Whether a browser may open it: https, or http on this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return bool(host) and (
        parts.scheme == "https" or (parts.scheme == "http" and is_this_machine(host))
    )


def checked_address(url: str) -> SplitResult:
    """The parts of a partner's base URL.

    Raises:
        BadAddress: the URL has more than scheme, host, port and path, cannot be read, or is http
            to another machine.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise BadAddress("it cannot be read; give https://HOST") from None
    is_plain = url.isascii() and url.isprintable() and " " not in url
    if not is_plain or not host or parts.scheme not in ("http", "https"):
        raise BadAddress("it is not a URL of a host; give https://HOST")
    if parts.username is not None or parts.password is not None:
        raise BadAddress("it holds a login; give the host alone, the login has settings of its own")
    if parts.query or parts.fragment:
        raise BadAddress("it holds a query or a fragment; give https://HOST, with a path at most")
    if parts.scheme == "http" and not is_this_machine(host):
        raise BadAddress(
            f"http to {host} would send the login and every payment in the clear; use https, since "
            "http is for this machine only (127.0.0.1, ::1, localhost)"
        )
    return parts
