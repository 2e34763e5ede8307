"""The server's address and the API key, checked before anything is sent."""

from __future__ import annotations

import ipaddress
from typing import Final

import httpx

from finality_client.calls import RELEASE, VERSION

_KEY_PREFIX: Final = "fin_"


def checked_address(base_url: str, *, allow_http: bool) -> httpx.URL:
    """The address.

    Raises:
        ValueError: it is none, or the key would cross a network in clear text.
    """
    url = httpx.URL(base_url)
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"base_url: {base_url!r} is no address such as https://pay.example")
    if url.userinfo or url.query or url.fragment:
        raise ValueError("base_url: give scheme, host and perhaps a path, and nothing else")
    if url.scheme == "http" and not allow_http and not _is_this_machine(url.host):
        raise ValueError(
            f"base_url: the API key would cross the network to {url.host} in clear text. Use "
            "https, or give allow_http=True if something else protects the way"
        )
    return url


def checked_key(api_key: str) -> str:
    """The API key.

    Raises:
        ValueError: it does not have the shape of one. The text does not repeat it.
    """
    if not (api_key.startswith(_KEY_PREFIX) and api_key.isascii() and api_key.isprintable()):
        raise ValueError(
            "api_key: give a key that `finality api-key new` printed; it begins with 'fin_'"
        )
    return api_key


def headers(api_key: str) -> dict[str, str]:
    """What every request has."""
    return {
        "authorization": f"Bearer {api_key}",
        "finality-version": VERSION,
        "user-agent": f"finality-client/{RELEASE} (Python)",
        "accept": "application/json",
    }


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
