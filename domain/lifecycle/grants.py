"""What a partner shows as granted by a user: which access, to which accounts, until when."""

from __future__ import annotations

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator


class GrantedAccount(BaseModel):
    """One account that a grant covers. It holds no account number: folds are stored in the clear.

    Attributes:
        reference: the partner's own id of the account, or a keyed hash of its number.
        ends: the last four characters of its number, for people.
        currency: ISO 4217; None if the partner does not say.
    """

    model_config = ConfigDict(frozen=True)

    reference: str
    ends: str = Field(default="", max_length=4)
    currency: str | None = None


class Grant(BaseModel):
    """What one answer of a partner shows. A field is None if the answer does not say.

    Attributes:
        permissions: which data may be read, in the kind's own words.
        accounts: the accounts that the user chose; empty if none is left.
        valid_until: the moment at which the grant ends, as the partner granted it.
        per_day: how many unattended reads a day the partner allows for each account.
        authenticated_at: when the user last authenticated at the partner.
    """

    model_config = ConfigDict(frozen=True)

    permissions: tuple[str, ...] | None = None
    accounts: tuple[GrantedAccount, ...] | None = None
    valid_until: AwareDatetime | None = None
    per_day: int | None = None
    authenticated_at: AwareDatetime | None = None

    @field_validator("permissions")
    @classmethod
    def _sorted(cls, given: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if given is None else tuple(sorted(set(given)))

    @field_validator("accounts")
    @classmethod
    def _by_reference(
        cls, given: tuple[GrantedAccount, ...] | None
    ) -> tuple[GrantedAccount, ...] | None:
        """In one order, once each: a partner may list them differently in each answer."""
        if given is None:
            return None
        by_reference = {each.reference: each for each in given}
        return tuple(by_reference[reference] for reference in sorted(by_reference))
