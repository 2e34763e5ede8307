"""Bugs: how partners are asked."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func
from sqlmodel import col, select

import store.folding
import store.inbox
import store.sending
import store.views
from store.tables.lifecycles import LifecycleRow
from tests.proof.planted.bug import everywhere, planted

_PAUSES = ("read_pause", "read_pause_max")


@planted("payments that are only watched for returns slow down the reads of new ones",
         "tests/store/test_turns.py")  # fmt: skip
def the_crowd_counts_the_watched() -> None:
    original = store.views.view_of

    def counts(kind: Any, session: Any, found: Any, *given: Any) -> Any:
        view = original(kind, session, found, *given)
        is_open = (LifecycleRow.partner == found.partner, col(LifecycleRow.is_over).is_(False))
        crowd = select(func.count()).select_from(LifecycleRow).where(*is_open)
        if (quota := view.profile.quota) is None:
            return view
        pause = quota.window * session.exec(crowd).one() / quota.reads
        slower = {name: max(pause, getattr(view.profile, name)) for name in _PAUSES}
        return view.model_copy(update={"profile": view.profile.model_copy(update=slower)})

    everywhere(original, counts)


@planted("reads take no turns, whatever the partner's quota",
         "tests/store/test_turns.py", "tests/activities/test_partner_steps.py")  # fmt: skip
def a_quota_bounds_nothing() -> None:
    from store.turns import ReadTurns

    async def at_once(self: Any, *given: Any) -> None:
        return None

    ReadTurns.take = at_once  # type: ignore[method-assign,assignment]


@planted("amounts go through floating point", "tests/domain/test_money.py")
def money_is_a_float() -> None:
    from domain.money import Money

    def from_wire(cls: Any, text: str, currency: str) -> Any:
        return cls(minor=int(float(text) * 100), currency=currency)

    Money.from_wire = classmethod(from_wire)  # type: ignore[method-assign,assignment]


@planted("after a refused login another one is tried", "tests/store/test_logins.py")
def logins_are_tried_again() -> None:
    from store.logins import Logins

    async def forgets(self: Any, login: str, credentials_hash: str, why: str) -> None:
        await self.drop(login, "")

    Logins.failed = forgets  # type: ignore[method-assign]


@planted("a creditor is looked for and then made, by as many payments as come at once",
         "tests/partners/currencycloud/test_one_beneficiary.py")  # fmt: skip
def everybody_makes_the_creditor() -> None:
    from store.prepared import PreparedObjects

    async def claims(self: Any, key: Any, by: str) -> None:
        return None

    async def extends(self: Any, key: Any, by: str) -> bool:
        return True

    PreparedObjects.claim = claims  # type: ignore[method-assign]
    PreparedObjects.extend = extends  # type: ignore[method-assign]


@planted("another port or login behind an account name is the same bank",
         "tests/partners/currencycloud/test_profile.py")  # fmt: skip
def the_host_alone_is_the_bank() -> None:
    import domain.lifecycle.places

    everywhere(domain.lifecycle.places.is_same_place, lambda *_: True)


@planted("a partner that does not answer is not noted", "tests/activities/test_silence.py")
def silence_is_not_noted() -> None:
    import domain.lifecycle.silence

    everywhere(domain.lifecycle.silence.silent_since, lambda before, answered, now: None)
