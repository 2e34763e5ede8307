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

    While a secret is being changed, give both: a signature by either is accepted. Name the
    timestamp's header only if the partner signs the timestamp too, as `timestamp.body`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    secrets: tuple[Annotated[SecretStr, Field(min_length=16)], ...] = Field(min_length=1)
    """the secret in use, and during a change also the other one; each at least 16 characters"""
    header: str = "x-hmac-digest-sha-512"
    """the header with the signature"""
    encoding: Literal["hex", "base64"] = "hex"
    """how the signature is encoded"""
    digest: Literal["sha256", "sha384", "sha512"] = "sha512"
    """the hash function of the HMAC"""
    version: Literal["2021-01-01", "2021-02-01"] = "2021-02-01"
    """the version of notifications that is set for our account at the partner"""
    timestamp_header: str | None = None
    """the header with the time of the delivery, if the partner signs it"""
    tolerance: Time = timedelta(minutes=5)
    """how much a signed time may differ from our clock"""


class PartnerAccount(BaseModel):
    """One of our accounts with a partner: where it is and how to log in.

    `simulated` says that no real money is behind it; only then may a file's dates be shifted
    with `--as-of`. The times override the partner's profile, for simulators and tests.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str
    """https and the host of the partner's API; http only for simulators on this machine"""
    login_id: str
    """the login, as the partner gave it"""
    former_login_ids: tuple[str, ...] = ()
    """earlier logins of the same customer; payments accepted with them go on with the new one"""
    book: str | None = None
    """identifies a simulator's book, whatever its port; written by `finality up`"""
    api_key: SecretStr
    """the API key, as the partner gave it"""
    simulated: bool = False
    """true if no real money is behind it; allowed only at an address of this machine"""
    write_within: Time | None = None
    """time within which a request's bytes must have left; overrides the profile"""
    answer_within: Time | None = None
    """time within which the answer must have come; overrides the profile"""
    watch: Time | None = None
    """how long a settled payment is watched for returns; overrides the profile"""
    webhooks: WebhookSigning | None = None
    """how webhooks are signed; without it none is accepted, and changes are found by reads alone"""

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
                f"simulated = true is only for an address of this machine, and {host} is none"
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
    """who owns the payments; keys and possible duplicates are separate for each tenant"""
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
        raise ValueError(
            f"an account number that ends in /{currency[:3]} needs that currency, and has "
            f"{debtor.currency}"
        )
    plain = re.sub(r"[ -]", "", number)
    if _LIKE_IBAN.match(plain):
        plain = check_iban(plain)
    elif not _OTHER_NUMBER.fullmatch(plain):
        raise ValueError("an account number that is no IBAN needs 1 to 34 letters and digits")
    return f"{plain}{slash}{currency}"


class Settings(BaseSettings):
    """Read once per process. A secret may come from a file named in `FINALITY_SECRETS_DIR`."""

    model_config = SettingsConfigDict(
        env_prefix="FINALITY_",
        env_nested_delimiter="__",
        extra="forbid",
        hide_input_in_errors=True,
    )

    home: Path = Field(default=Path(".finality"), description="the folder of local state")
    database_url: str | None = Field(
        default=None,
        repr=False,
        description="the database, perhaps with a password; default: SQLite in home",
    )
    keyring_file: Path | None = Field(
        default=None, description="the keyring; default: the file keyring in home"
    )
    currencycloud: dict[str, PartnerAccount] = Field(
        default_factory=dict, description="our Currencycloud accounts, by a name of ours"
    )
    debtors: dict[str, Debtor] = Field(
        default_factory=dict,
        description="debtor accounts in files, by IBAN, or by number if they have none; an account "
        "with several currencies has an entry for each, as NUMBER/USD",
    )
    operators: dict[str, SecretStr] = Field(
        default_factory=dict,
        repr=False,
        description="no longer accepted: operators are enrolled in the store, with `finality "
        "operator enrol`",
    )
    operator_key_file: Path | None = Field(
        default=None,
        description="the key file of the operator who signs; default: ~/.config/finality/NAME.key",
    )
    operator_passphrase_file: Path | None = Field(
        default=None,
        description="a file with the key's passphrase, for machines; default: the command asks",
    )
    temporal_address: str = Field(
        default="", description="host and port of Temporal; default: the Temporal profile's"
    )
    upkeep_every: Time = timedelta(seconds=20)
    """the time between two rounds of upkeep; the first worker of a Temporal server sets it"""
    leave_temporal_after: Time | None = Field(
        default=None,
        ge=timedelta(days=1),
        description="a run that would wait longer than this (a day or more) ends, and upkeep "
        "starts the next one in time; without it, every run waits by a timer",
    )
    inbound_host: str = Field(default="127.0.0.1", description="the address that receives webhooks")
    inbound_port: int = 8236
    """the port that receives webhooks"""
    codec_host: str = Field(
        default="127.0.0.1",
        description="the address at which `finality codec` decrypts payloads for a Temporal UI",
    )
    codec_port: int = 8234
    """the port of `finality codec`"""
    codec_ui_origins: tuple[str, ...] = Field(
        default=("http://127.0.0.1:8233", "http://localhost:8233"),
        description="the addresses of the Temporal UI, as browsers name them: scheme, host, port",
    )
    codec_token: Annotated[SecretStr, Field(min_length=24)] | None = Field(
        default=None,
        description="the token that `finality codec` requires; without it, each start makes a new "
        "one, and only this machine may ask",
    )
    graceful_shutdown: Time = timedelta(seconds=45)
    """how long a worker that is stopped may take to finish the steps that it has begun"""
    max_cached_workflows: int = Field(
        default=1000,
        ge=1,
        description="the number of waiting payments that a worker keeps in memory; others are "
        "loaded again",
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
                "operators are no longer a setting, because whoever changes the settings could "
                "sign for all of them; remove it, and enrol them with `finality operator enrol`"
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
        return SettingsRefused(
            f"{PREFIX}*: {error}; write a table as JSON, or as one variable for each value"
        )
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
