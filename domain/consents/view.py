"""A consent as it stands in the store: all that decides what is due, without names and accounts."""

from __future__ import annotations

from datetime import datetime

from domain.consents.consent import Consent
from domain.consents.instructions import KIND
from domain.lifecycle.view import View


class ConsentView(View):
    """A consent as it stands in the store."""

    consent: Consent

    @property
    def kind(self) -> str:
        return KIND

    @property
    def folded(self) -> Consent:
        return self.consent

    @property
    def consent_id(self) -> str:
        return self.resource_id

    def not_readable(self, now: datetime) -> str:
        """Why no data may be read now, in words; empty if data may be read.

        Once somebody has asked us to end the consent nothing is read, whether or not the bank
        offers a way to end it.
        """
        if self.cancel_asked:
            return "the consent is being ended"
        return self.consent.not_readable(now)
