"""Short lists of the bank, which may come in pages: of accounts, and of balances."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

from partners.kit.calls import Reply
from partners.kit.pages import following, place
from partners.kit.wire import Unusable, read
from partners.obie import data_wire as wire

#: Where a page names the next one.
NEXT: Final = "Links.Next"
#: No user has more.
_PAGES_MAX: Final = 20

W = TypeVar("W", wire.Accounts, wire.Balances)


async def read_whole(
    get: Callable[[str, Mapping[str, str]], Awaitable[Reply]],
    model: type[W],
    *,
    base_url: str,
    listing: str,
) -> tuple[Reply, tuple[W, ...] | Unusable | None]:
    """All pages of a list. A part of it would read as if the rest were gone.

    Args:
        get: asks once, for a path and a query.
        base_url: the bank's address.
        listing: the path of the list.

    Returns:
        The last reply, and the pages; None if it is no success.
    """
    pages: list[W] = []
    path: str = listing
    query: Mapping[str, str] = {}
    while True:
        reply = await get(path, query)
        if not reply.is_success:
            return reply, None
        shown = read(model, reply.body)
        if isinstance(shown, Unusable):
            return reply, shown
        pages.append(shown)
        onward = following(
            shown.links.following, name=NEXT, base_url=base_url, listing=listing, within=listing
        )
        if onward is None:
            return reply, tuple(pages)
        if isinstance(onward, Unusable):
            return reply, onward
        if len(pages) == _PAGES_MAX:
            return reply, Unusable((f"{NEXT}: after {_PAGES_MAX} pages",))
        path, query = place(onward)
