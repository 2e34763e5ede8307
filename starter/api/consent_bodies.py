"""What callers send about consents."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt

from domain.consents.request import ConsentRequest, Permission, User
from starter.api.bodies import AccountBody, BrowserSession, Moment

_STRICT: Final = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)
_LENGTH_MAX: Final = 255
_ACCOUNTS_MAX: Final = 100
_Short = Annotated[str, Field(min_length=1, max_length=_LENGTH_MAX)]


class UserBody(BaseModel):
    """The user, as you and the bank know them."""

    model_config = _STRICT

    user_id: _Short = Field(description="your own id of the user")
    psu_id: _Short | None = Field(default=None, repr=False)
    corporate_id: _Short | None = Field(default=None, repr=False)
    ip_address: Annotated[str, Field(max_length=45)] | None = Field(
        default=None, description="whence the user asks: the user is there", repr=False
    )


class ConsentBody(BaseModel):
    """A request for access to a user's accounts."""

    model_config = _STRICT

    partner: _Short
    partner_account: _Short
    user: UserBody
    permissions: Annotated[tuple[Permission, ...], Field(min_length=1)]
    accounts: Annotated[tuple[AccountBody, ...], Field(max_length=_ACCOUNTS_MAX)] = Field(
        default=(), description="empty: the user chooses at the bank"
    )
    recurring: StrictBool = True
    per_day: StrictInt | None = None
    valid_until: Moment | None = None
    return_url: Annotated[str, Field(max_length=2000)]
    regime: _Short = Field(description="psd2 or uk")
    browser_session: BrowserSession = Field(repr=False)

    def request(self, tenant: str) -> ConsentRequest:
        """The request, for a tenant. The browser's value is no part of it."""
        return ConsentRequest(
            tenant=tenant,
            user=User(**self.user.model_dump()),
            **{name: getattr(self, name) for name in _CARRIED},
        )


_CARRIED: Final = (
    "partner", "partner_account", "permissions", "accounts", "recurring", "per_day", "valid_until",
    "return_url", "regime",
)  # fmt: skip


class RenewBody(BaseModel):
    """A renewal: the user's browser may be another one than before."""

    model_config = _STRICT

    browser_session: BrowserSession = Field(repr=False)


class RevokeBody(BaseModel):
    """Why it is ended, in one line for the timeline; no account number."""

    model_config = _STRICT

    why: str = ""


class CallbackBody(BaseModel):
    """How a user came back to your own page."""

    model_config = _STRICT

    params: dict[str, str] = Field(description="all query parameters of the callback", repr=False)
    browser_session: BrowserSession = Field(repr=False)
