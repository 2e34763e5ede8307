"""Lists that come in pages, each with a link to the next one."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urljoin, urlsplit

from partners.kit.wire import Unusable

#: Nobody escapes an escape more often.
_ESCAPES_MAX: Final = 3


def following(
    href: Any, *, name: str, base_url: str, listing: str, within: str
) -> str | Unusable | None:
    """The path and query of the next page, at the partner and within the part of it named.

    A link that leads elsewhere is not followed: it would bring the data of another account.

    Args:
        href: the link as the partner wrote it, absolute or relative; empty on the last page.
        name: of the link, for drift.
        base_url: the partner's address, to which paths are added.
        listing: the path of the list, to which a link may be relative.
        within: the path at or below which every page has to be.
    """
    if not href:
        return None
    astray = Unusable((f"{name}: leads away from the list",))
    if not isinstance(href, str):
        return astray
    base = base_url.rstrip("/")
    try:
        parts, ours = urlsplit(urljoin(f"{base}{listing}", href)), urlsplit(base)
    except ValueError:
        return astray
    path = parts.path.removeprefix(ours.path)
    if (parts.scheme, parts.netloc) != (ours.scheme, ours.netloc) or _climbs(path):
        return astray
    if path != within and not path.startswith(f"{within}/"):
        return astray
    return f"{path}?{parts.query}" if parts.query else path


def _climbs(path: str) -> bool:
    """Whether a server may read dots in it as a way up, also if they are written as escapes."""
    for _ in range(_ESCAPES_MAX):
        if ".." in path or "\\" in path:
            return True
        path, before = unquote(path), path
        if path == before:
            return False
    return True


def place(cursor: str) -> tuple[str, dict[str, str]]:
    """The path and the query of a page that `following` named."""
    parts = urlsplit(cursor)
    return parts.path, dict(parse_qsl(parts.query, keep_blank_values=True))
