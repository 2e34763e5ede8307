"""Everything that can be set: environment `FINALITY_*`, or `finality.toml`, or defaults."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from domain.accounts import check_iban
from domain.money import Money
from partners.kit.account import PartnerAccount, Time
from partners.kit.registration import Registration
from partners.registry import Partners
from settings_sources import (
    PREFIX,
    Secrets,
    SettingsRefused,
    Variables,
    of_file,
    of_up,
    refuse_unknown,
    refused,
)

# A command that reads no file does not load what reads files.
if TYPE_CHECKING:
    from starter.files.plan import DebtorAccount

_LIKE_IBAN: Final = re.compile(r"[A-Z]{2}\d{2}", re.ASCII)
_DOOR: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}", re.ASCII)
_OTHER_NUMBER: Final = re.compile(r"[A-Z0-9.]{1,34}", re.ASCII)


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


class NexusDoor(BaseModel):
    """Where another team's workflows order payments by Temporal Nexus (docs/nexus.md). The name is
    part of the door's task queue: `finality.nexus.NAME`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant: str = "default"
    """who owns the payments that come through it"""
    keyring_file: Path
    """the keys that both teams seal with, and nobody else has; no key of ours or of another door"""
    accounts: tuple[str, ...] = ()
    """accounts it may pay from besides those of the tenant's debtors, each as PARTNER/ACCOUNT"""

    @field_validator("accounts")
    @classmethod
    def _named(cls, accounts: tuple[str, ...]) -> tuple[str, ...]:
        for account in accounts:
            if not all(account.partition("/")):
                raise ValueError(f"{account[:50]!r} is not PARTNER/ACCOUNT, such as bank/main")
        return accounts


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
    partners: Partners = Field(
        default_factory=Partners, description="our accounts, by partner and by a name of ours"
    )
    debtors: dict[str, Debtor] = Field(
        default_factory=dict,
        description="debtor accounts in files, by IBAN, or by number if they have none; an account "
        "with several currencies has an entry for each, as NUMBER/USD",
    )
    nexus: dict[str, NexusDoor] = Field(
        default_factory=dict,
        description="doors for the workflows of other teams, by a name of ours; none by default",
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
    events_every: Time = Field(
        default=timedelta(minutes=5),
        gt=timedelta(0),
        description="the time between two readings of a partner's own list of events, which makes "
        "up for webhooks that were lost",
    )
    leave_temporal_after: Time | None = Field(
        default=None,
        ge=timedelta(days=1),
        description="a run that would wait longer than this (a day or more) ends, and upkeep "
        "starts the next one in time; without it, every run waits by a timer",
    )
    inbound_host: str = Field(default="127.0.0.1", description="the address that receives webhooks")
    inbound_port: int = 8236
    """the port that receives webhooks"""
    api_host: str = Field(
        default="127.0.0.1", description="the address at which `finality api` serves the HTTP API"
    )
    api_port: int = 8237
    """the port of `finality api`"""
    console_host: str = Field(
        default="127.0.0.1", description="the address at which `finality console` serves its pages"
    )
    console_port: int = 8238
    """the port of `finality console`"""
    console_url: str | None = Field(
        default=None,
        pattern=r"^https://[^/?#@\s]+/?$",
        description="the https address at which browsers reach the console through a proxy; needed "
        "where console_host is not this machine alone",
    )
    webhook_networks: tuple[IPv4Network | IPv6Network, ...] = Field(
        default=(),
        description="private networks that webhooks of ours may reach, also by plain http; without "
        "it, only public addresses by https",
    )
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

    @field_validator("nexus")
    @classmethod
    def _doors(cls, doors: dict[str, NexusDoor]) -> dict[str, NexusDoor]:
        for name in doors:
            if not _DOOR.fullmatch(name):
                raise ValueError(f"{name[:50]!r} names a task queue; use a-z, 0-9, - and _ only")
        return doors

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

    @property
    def registrations(self) -> dict[str, Registration[Any]]:
        """Every partner there is, by its name."""
        return self.partners.registrations()

    def partner_accounts(self, partner: str) -> Mapping[str, PartnerAccount]:
        """Our accounts with one partner, by our names for them."""
        return self.partners.accounts(partner)

    @property
    def debtor_accounts(self) -> dict[str, DebtorAccount]:
        """The debtors, each with what the settings say about its partner account."""
        from starter.files.plan import DebtorAccount, account_named

        accounts = {}
        for key, debtor in self.debtors.items():
            account = account_named(key)
            partner = self.partner_accounts(debtor.partner).get(debtor.partner_account)
            accounts[key] = DebtorAccount(
                **debtor.model_dump(),
                iban=account.iban,
                other=account.other,
                simulated=partner is not None and partner.simulated,
                is_known=partner is not None,
            )
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
            Variables(settings_cls),
            Secrets(settings_cls),
            *(InitSettingsSource(settings_cls, place.values) for place in files),
        )


def settings_refused(error: ValidationError | SettingsError) -> SettingsRefused:
    """What is wrong with the settings, each with the place where it stands."""
    if isinstance(error, SettingsError):
        given = [*Variables(Settings).no_json(), *Secrets(Settings).no_json()]
        return SettingsRefused(
            f"{', '.join(given) or PREFIX + '*'}: {error}; write a table as JSON, or as one "
            "variable for each value"
        )
    home = Path(os.environ.get("FINALITY_HOME", ".finality"))
    folder = os.environ.get("FINALITY_SECRETS_DIR")
    places = (
        Variables(Settings).place(lambda names: PREFIX + "__".join(names).upper()),
        Secrets(Settings).place(lambda names: f"{folder}/{'__'.join(names)}"),
        of_file(),
        of_up(home, Settings.model_fields),
    )
    return refused(error, Settings, places)
