"""A consent's life at the bank: what a PSU gives a TPP access to, until when, and how it ends.

received -> (partiallyAuthorised) -> valid -> expired | revokedByPsu | terminatedByTpp, or rejected.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any

from simulators.berlin_group.accounts import Accounts
from simulators.berlin_group.authorisations import FINAL, PAYMENT, Authorisations
from simulators.berlin_group.book import Book
from simulators.berlin_group.dialects import Dialect
from simulators.berlin_group.lifecycle import AUTHORISERS
from simulators.kit.book import new_id
from simulators.kit.clock import stamp
from simulators.kit.delays import Delays
from simulators.kit.partner import Call
from simulators.kit.replies import Json, Row
from simulators.kit.timers import NotPossible, Timer, Timers

#: Schema `consentStatus`: nobody can use the consent any more.
ENDED = ("rejected", "revokedByPsu", "expired", "terminatedByTpp")
BEFORE_SCA = ("received", "partiallyAuthorised")
SERVICES = ("accounts", "balances", "transactions")
#: The PSU of a consent whose TPP sends no PSU-ID.
SOMEBODY = "somebody"


class Consents:
    def __init__(
        self,
        book: Book,
        dialect: Dialect,
        authorisations: Authorisations,
        accounts: Accounts,
        timers: Timers,
        delays: Delays,
    ) -> None:
        self._book = book
        self._dialect = dialect
        self._authorisations = authorisations
        self._accounts = accounts
        self._timers = timers
        self._delays = delays

    @property
    def authorisers(self) -> int:
        return int(self._book.setting(AUTHORISERS) or 1)

    def find(self, consent_id: str) -> Row | None:
        return self._book.row("SELECT * FROM consents WHERE id = ?", consent_id)

    def get(self, consent_id: str) -> Row:
        """Raises:
        NotPossible: there is no such consent.
        """
        found = self.find(consent_id)
        if found is None:
            raise NotPossible("there is no such consent")
        return found

    def make(self, call: Call, tpp: str, approach: str, asked: Json, now: datetime) -> Row:
        """Record a request. The bank grants it for no longer than its own limit."""
        consent_id, psu = new_id(), call.headers.get("psu-id") or SOMEBODY
        latest = (now + timedelta(days=self._dialect.consent_days_max)).date().isoformat()
        self._accounts.open_for(psu, _ibans(asked["access"]), now)
        self._book.insert(
            "consents",
            id=consent_id,
            unique_request_id=call.headers["x-request-id"],
            tpp=tpp,
            psu=psu,
            status="received",
            approach=approach,
            access=json.dumps(asked["access"]),
            recurring=int(asked["recurringIndicator"]),
            per_day=asked["frequencyPerDay"],
            valid_until=min(str(asked["validUntil"]), latest),
            redirect_uri=call.headers.get("tpp-redirect-uri"),
            nok_uri=call.headers.get("tpp-nok-redirect-uri"),
            last_action=now.date().isoformat(),
            created_at=stamp(now),
        )
        self._book.note(consent_id, stamp(now), "received", "received")
        self._after(consent_id, "give_up", "psu_acts_within", now)
        return self.get(consent_id)

    def started(self, consent: Row, authorisation: Row, now: datetime) -> None:
        """An authorisation waits for the PSU, who in some tests acts unasked after a while."""
        if authorisation["status"] == "exempted":
            self._authorised(consent, now, self._accounts.of(consent["psu"]))
        elif self._delays["psu_acts_after"] > 0:
            self._after(consent["id"], "psu_approves", "psu_acts_after", now)

    def decided(
        self, authorisation: Row, now: datetime, *, is_approved: bool, account: str = ""
    ) -> None:
        """The PSU approved or refused.

        Args:
            account: the only account that the PSU chose; empty: all that were asked for.

        Raises:
            NotPossible: the authorisation is over.
        """
        if authorisation["status"] in FINAL:
            raise NotPossible(f"the authorisation is {authorisation['status']}")
        self._authorisations.become(authorisation, "finalised" if is_approved else "failed")
        self.finalised(self._authorisations.get(authorisation["id"]), now, account=account)

    def finalised(self, authorisation: Row, now: datetime, *, account: str = "") -> None:
        """What follows from an authorisation that is over."""
        consent = self.get(authorisation["payment_id"])
        if consent["status"] not in BEFORE_SCA:
            return
        if authorisation["status"] != "finalised":
            self._end(consent, "rejected", now, "the PSU refused")
            return
        done = [each for each in self._authorisations.of(consent, PAYMENT)
                if each["status"] == "finalised"]  # fmt: skip
        if len(done) < self.authorisers:
            self._become(consent, "partiallyAuthorised", now, f"authorised by {len(done)}")
            return
        offered = self.offered(consent)
        chosen = [each for each in offered if account in ("", each["iban"])]
        self._authorised(consent, now, chosen or offered)

    def offered(self, consent: Row) -> Sequence[Row]:
        """The accounts that the PSU is asked about: those that the TPP named, or all."""
        named = _ibans(json.loads(consent["access"]))
        return [
            each for each in self._accounts.of(consent["psu"]) if not named or each["iban"] in named
        ]

    def _authorised(self, consent: Row, now: datetime, chosen: Sequence[Row]) -> None:
        self._timers.stop(consent["id"], "give_up", "psu_approves")
        if consent["recurring"]:
            # The specification: the consent that this PSU gave the same TPP before ends now.
            sql = (
                "SELECT * FROM consents WHERE tpp = ? AND psu = ? AND recurring = 1"
                " AND status = 'valid'"
            )
            for former in self._book.rows(sql, consent["tpp"], consent["psu"]):
                self._end(former, "expired", now, "a newer consent has taken its place")
        self._book.change(
            "consents", consent["id"], granted=json.dumps([each["iban"] for each in chosen])
        )
        self._become(consent, "valid", now, "authorised")
        last_day = datetime.fromisoformat(consent["valid_until"]).date() + timedelta(days=1)
        ends = datetime.combine(last_day, time(0), now.tzinfo)
        if not consent["recurring"]:
            ends = min(ends, now + timedelta(seconds=self._delays["one_off_for"]))
        self._timers.add(consent["id"], "expire", ends)

    def terminate(self, consent: Row, now: datetime) -> None:
        """The TPP gives it up."""
        self._end(consent, "terminatedByTpp", now, "ended by the TPP")

    def step(self, timer: Timer, at: datetime) -> None:
        """Raises:
        NotPossible: the consent has moved on.
        """
        consent = self.get(timer.payment_id)
        match timer.step:
            case "give_up" if consent["status"] in BEFORE_SCA:
                self._end(consent, "rejected", at, "the PSU did not act in time")
            case "expire" if consent["status"] == "valid":
                self._end(consent, "expired", at, "its time is over")
            case _:
                self.happen(consent["id"], timer.step, timer.param, timer.rule, at)

    def happen(
        self, consent_id: str, what: str, param: Mapping[str, Any], rule: int | None, at: datetime
    ) -> None:
        """Do what an intervention says, and log it.

        Raises:
            NotPossible: not now.
        """
        consent = self.get(consent_id)
        status = consent["status"]
        match what:
            case "psu_approves" | "psu_refuses":
                waiting = self._authorisations.open_of(consent)
                if waiting is None:
                    raise NotPossible("no authorisation waits for the PSU")
                chosen = str(param.get("account", ""))
                self.decided(waiting, at, is_approved=what == "psu_approves", account=chosen)
            case "psu_revokes" if status == "valid":
                self._end(consent, "revokedByPsu", at, "the PSU revoked it at the bank")
            case "expire" if status not in ENDED:
                self._end(consent, "expired", at, "by hand")
            case "take_out" if status == "valid":
                left = [each for each in json.loads(consent["granted"]) if each != param["account"]]
                self._book.change("consents", consent_id, granted=json.dumps(left))
                self._book.note(consent_id, stamp(at), status, f"{param['account']} taken out")
            case "shorten" if status == "valid":
                self._book.change("consents", consent_id, valid_until=str(param["until"]))
                self._book.note(consent_id, stamp(at), status, f"until {param['until']}")
            case _:
                raise NotPossible(f"{what} of a consent that is {status}")
        self._book.fired(stamp(at), what, rule, consent)

    def _end(self, consent: Row, status: str, at: datetime, what: str) -> None:
        self._timers.stop(consent["id"])
        for each in self._authorisations.of(consent, PAYMENT):
            if each["status"] not in FINAL:
                self._authorisations.become(each, "failed")
        self._become(consent, status, at, what)

    def _become(self, consent: Row, status: str, at: datetime, what: str) -> None:
        day = at.date().isoformat()
        self._book.change("consents", consent["id"], status=status, last_action=day)
        self._book.note(consent["id"], stamp(at), status, what)

    def _after(self, consent_id: str, step: str, delay: str, at: datetime) -> None:
        self._timers.add(consent_id, step, at + timedelta(seconds=self._delays[delay]))


def _ibans(access: Mapping[str, Any]) -> list[str]:
    """The accounts that the access names, each once."""
    named = [each["iban"] for service in SERVICES for each in access.get(service) or ()]
    return list(dict.fromkeys(named))
