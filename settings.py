"""Everything that can be set: environment `FINALITY_*`, or `finality.toml`, or defaults."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from domain.accounts import check_iban
from domain.money import Money
from settings_sources import (
    PREFIX,
    Place,
    Secrets,
    SettingsRefused,
    of_file,
    of_up,
    refuse_unknown,
    refused,
)
from transport.address import checked_address, is_this_machine

_LIKE_IBAN: Final = re.compile(r"[A-Z]{2}\d{2}", re.ASCII)
_NUMBER: Final = re.compile(r"\d+(\.\d+)?", re.ASCII)
_OTHER_NUMBER: Final = re.compile(r"[A-Z0-9.]{1,34}", re.ASCII)


def _seconds(given: object) -> object:
    """A number in a variable is text, and means seconds as a number in the file does."""
    return float(given) if isinstance(given, str) and _NUMBER.fullmatch(given) else given


Time = Annotated[timedelta, BeforeValidator(_seconds)]


class WebhookSigning(BaseModel):
    """How a partner signs what it delivers to one of our accounts.

    While a secret is changed both are given: either proves a delivery. A timestamp counts only
    where it is signed too, as `timestamp.body`: only then is a header for it named here.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    secrets: tuple[Annotated[SecretStr, Field(min_length=16)], ...] = Field(min_length=1)
    """the secret in use; during a change also the other one; 16 characters at least"""
    header: str = "x-hmac-digest-sha-512"
    """the header that has the signature"""
    encoding: Literal["hex", "base64"] = "hex"
    """how the signature is encoded"""
    digest: Literal["sha256", "sha384", "sha512"] = "sha512"
    """the hash of the HMAC"""
    version: Literal["2021-01-01", "2021-02-01"] = "2021-02-01"
    """the version of the notifications that our account at the partner is set to"""
    timestamp_header: str | None = None
    """the header that has the moment of the delivery, if the partner signs it"""
    tolerance: Time = timedelta(minutes=5)
    """how much a signed moment may differ from our clock"""


class PartnerAccount(BaseModel):
    """One of our accounts with a partner: where it is and how to log in.

    `simulated` says that no real money is behind it; only then may a file's dates be shifted
    with `--as-of`. The times override the partner's profile, for simulators and tests.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str
    """https and the host of the partner's API; http only to this machine, for simulators"""
    login_id: str
    """as the partner gave it"""
    former_login_ids: tuple[str, ...] = ()
    """earlier logins of the same customer: payments given with them go on with the new one"""
    book: str | None = None
    """identifies a simulator's book, whatever its port; written by `finality up`"""
    api_key: SecretStr
    """as the partner gave it"""
    simulated: bool = False
    """true if no real money is behind it; only at an address of this machine"""
    write_within: Time | None = None
    """time within which a request's bytes must have left; overrides the profile"""
    answer_within: Time | None = None
    """time within which the answer must have come; overrides the profile"""
    watch: Time | None = None
    """how long a settled payment is watched for returns; overrides the profile"""
    webhooks: WebhookSigning | None = None
    """without it no webhook is taken, and news comes by reads alone"""

    @property
    def login(self) -> str:
        """The login at its host: at another, the same name has tokens and refusals of its own."""
        return f"{self.login_id} at {self.base_url}"

    @field_validator("base_url")
    @classmethod
    def _safe(cls, url: str) -> str:
        checked_address(url)
        return url

    @model_validator(mode="after")
    def _simulated_means_here(self) -> Self:
        # Settings of several sources are merged: a flag left over from a simulator must not
        # stick to a bank's address.
        host = checked_address(self.base_url).hostname or ""
        if self.book is not None and not self.simulated:
            raise ValueError("book is for simulated accounts only; leave it out")
        if self.simulated and not is_this_machine(host):
            raise ValueError(
                f"{host} cannot be simulated = true; only this machine's addresses can"
            )
        return self


class Debtor(BaseModel):
    """Which of our partner accounts pays for a debtor account of a file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    partner: str = "currencycloud"
    """the partner that pays"""
    partner_account: str
    """our name for the account there"""
    currency: str = "EUR"
    """the currency in which the account is kept"""
    tenant: str = "default"
    """whose payments these are: keys and possible duplicates are told apart by it"""
    on_behalf_of: str | None = None
    """the partner's id of the customer for whom we pay"""

    @field_validator("currency")
    @classmethod
    def _payable(cls, code: str) -> str:
        return Money(minor=0, currency=code).currency


def _account_key(text: str, debtor: Debtor) -> str:
    """An IBAN or another number in capitals without spaces, with /USD where that was given."""
    number, slash, currency = text.strip().upper().partition("/")
    if slash and currency != debtor.currency:
        raise ValueError(f"an account with /{currency[:3]} behind it pays in {debtor.currency}")
    plain = re.sub(r"[ -]", "", number)
    if _LIKE_IBAN.match(plain):
        plain = check_iban(plain)
    elif not _OTHER_NUMBER.fullmatch(plain):
        raise ValueError("an account that has no IBAN has 1 to 34 letters and digits")
    return f"{plain}{slash}{currency}"


class Settings(BaseSettings):
    """Read once per process. A secret may come from a file named in `FINALITY_SECRETS_DIR`."""

    model_config = SettingsConfigDict(
        env_prefix="FINALITY_",
        env_nested_delimiter="__",
        extra="forbid",
        hide_input_in_errors=True,
    )

    home: Path = Field(default=Path(".finality"), description="where local state is kept")
    database_url: str | None = Field(
        default=None, repr=False, description="default: SQLite in home; may hold a password"
    )
    keyring_file: Path | None = Field(default=None, description="default: keyring in home")
    currencycloud: dict[str, PartnerAccount] = Field(
        default_factory=dict, description="our Currencycloud accounts, by a name of ours"
    )
    debtors: dict[str, Debtor] = Field(
        default_factory=dict,
        description="debtor accounts of files, by IBAN or, where they have none, by number; where "
        "one is kept in several currencies, each as NUMBER/USD",
    )
    operators: dict[str, SecretStr] = Field(
        default_factory=dict,
        repr=False,
        description="refused: operators are enrolled in the store, with `finality operator enrol`",
    )
    operator_key_file: Path | None = Field(
        default=None,
        description="the key of the operator who signs; default: ~/.config/finality/NAME.key",
    )
    operator_passphrase_file: Path | None = Field(
        default=None, description="its passphrase, for machines; default: it is asked for"
    )
    temporal_address: str = Field(default="", description="default: the Temporal profile's")
    upkeep_every: Time = timedelta(seconds=20)
    """how often upkeep looks for what should run; the first worker of a server sets it"""
    leave_temporal_after: Time | None = Field(
        default=None,
        ge=timedelta(days=1),
        description="runs that wait for longer than this, a day or more, end, and upkeep starts "
        "them in time; off: they wait by a timer",
    )
    inbound_host: str = Field(default="127.0.0.1", description="where webhooks are taken")
    inbound_port: int = 8236
    """the port there"""
    codec_host: str = Field(
        default="127.0.0.1", description="where `finality codec` opens payloads for a Temporal UI"
    )
    codec_port: int = 8234
    """the port there"""
    codec_ui_origins: tuple[str, ...] = Field(
        default=("http://127.0.0.1:8233", "http://localhost:8233"),
        description="the addresses of the Temporal UI, as browsers name them: scheme, host, port",
    )
    codec_token: Annotated[SecretStr, Field(min_length=24)] | None = Field(
        default=None,
        description="what lets somebody ask it; without one it is made anew at each start and only "
        "this machine may ask",
    )
    graceful_shutdown: Time = timedelta(seconds=45)
    """how long a worker that is told to stop may finish the steps in hand"""
    max_cached_workflows: int = Field(
        default=1000,
        ge=1,
        description="payments a worker keeps in memory while they wait; others are loaded again",
    )

    @field_validator("debtors")
    @classmethod
    def _numbers(cls, debtors: dict[str, Debtor]) -> dict[str, Debtor]:
        return {_account_key(text, debtor): debtor for text, debtor in debtors.items()}

    @field_validator("operators")
    @classmethod
    def _enrolled(cls, operators: dict[str, SecretStr]) -> dict[str, SecretStr]:
        if operators:
            raise ValueError(
                "operators are no setting any more, since whoever sets them could sign for all of "
                "them; remove it, and enrol them with `finality operator enrol`"
            )
        return operators

    @property
    def database(self) -> str:
        """The database's URL."""
        return self.database_url or f"sqlite:///{(self.home / 'finality.db').resolve()}"

    @property
    def keyring(self) -> Path:
        """The keyring's file."""
        return self.keyring_file or self.home / "keyring"

    def partner_accounts(self, partner: str) -> dict[str, PartnerAccount]:
        """Our accounts with one partner, by our names for them."""
        accounts: dict[str, PartnerAccount] = getattr(self, partner, {})
        return accounts

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, environment, secret files, the settings file, `up`: in this order."""
        refuse_unknown(settings_cls)
        home = init_settings().get("home") or os.environ.get("FINALITY_HOME", ".finality")
        files = (of_file(), of_up(Path(home), settings_cls.model_fields))
        return (
            init_settings,
            env_settings,
            Secrets(settings_cls),
            *(InitSettingsSource(settings_cls, dict(place.values)) for place in files),
        )


def settings_refused(error: ValidationError | SettingsError) -> SettingsRefused:
    """What is wrong with the settings, each with the place where it stands."""
    if isinstance(error, SettingsError):
        return SettingsRefused(f"{PREFIX}*: {error}; a table is JSON, or a variable per value")
    home = Path(os.environ.get("FINALITY_HOME", ".finality"))
    environment, secrets = EnvSettingsSource(Settings)(), Secrets(Settings)()
    folder = os.environ.get("FINALITY_SECRETS_DIR")
    places = (
        Place(lambda names: PREFIX + "__".join(names).upper(), environment),
        Place(lambda names: f"{folder}/{'__'.join(names)}", secrets),
        of_file(),
        of_up(home, Settings.model_fields),
    )
    return refused(error, Settings, places)
