"""Settings that are wrong: every one is named, with its place and the nearest known name."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsError

from settings import Settings, settings_refused
from settings_sources import FORMER, SettingsRefused

ACCOUNT = {"BASE_URL": "https://bank.example", "LOGIN_ID": "l", "API_KEY": "canary-secret"}
SIGNING = "canary-signing-secret"


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty working folder, and no variable of ours."""
    for name in list(os.environ):
        if name.startswith("FINALITY_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def said() -> str:
    """What is said of settings that are refused."""
    try:
        Settings()
    except (ValidationError, SettingsError) as error:
        text = str(settings_refused(error))
    except SettingsRefused as refused:
        text = str(refused)
    else:
        pytest.fail("they are taken")
    assert "canary" not in text
    return text


def _set(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"FINALITY_{name}", value)


def _account(monkeypatch: pytest.MonkeyPatch, **more: str) -> None:
    fields = {**ACCOUNT, **more}
    _set(monkeypatch, **{f"CURRENCYCLOUD__MAIN__{name}": value for name, value in fields.items()})


Write = Callable[[str], None]


@pytest.fixture
def toml(tmp_path: Path) -> Write:
    def write(text: str) -> None:
        (tmp_path / "finality.toml").write_text(text)

    return write


def test_a_variable_that_sets_nothing_is_refused_with_the_nearest_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _set(monkeypatch, UPKEP_EVERY="5", INBOUND_PROT="1", XYZZY="1")
    text = said()
    assert (
        "FINALITY_UPKEP_EVERY: there is no setting 'upkep_every'; is 'upkeep_every' meant?" in text
    )
    assert "is 'inbound_port' meant?" in text
    assert "there is no setting 'xyzzy'" in text


def test_a_variable_that_sets_nothing_in_a_table_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _account(monkeypatch, API_KYE="canary", WEBHOOKS__SECRETS=f'["{SIGNING}"]', WEBHOOKS__HEADR="x")
    text = said()
    assert (
        "FINALITY_CURRENCYCLOUD__MAIN__API_KYE: there is no setting 'api_kye'; is 'api_key' meant?"
        in text
    )
    assert "FINALITY_CURRENCYCLOUD__MAIN__WEBHOOKS__HEADR" in text
    assert "is 'header' meant?" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("inbound_prot = 1", "inbound_prot: there is no setting 'inbound_prot'; is 'inbound_port'"),
        ("[currencycould.main]\nbase_url = 'x'", "is 'partners.currencycloud' meant?"),
        (
            "[currencycloud.main]\nbase_url='https://b.example'\nlogin_id='l'\napi_key='canary-x'\nsimulatd=true",
            "currencycloud.main.simulatd: there is no setting 'simulatd'; is 'simulated' meant?",
        ),
        ("[debtors.X1]\npartner_accont='a'\n", "debtors.X1.partner_account: Field required"),
        ("[debtors.X1]\npartner_accont='a'\n", "is 'partner_account' meant?"),
        ("[currencycloud", "is not valid TOML"),
    ],
)
def test_a_key_of_the_file_that_sets_nothing_is_refused_at_every_level(
    toml: Write, tmp_path: Path, text: str, expected: str
) -> None:
    toml(text)
    refused = said()
    assert expected in refused
    assert str(tmp_path / "finality.toml") in refused


def test_a_file_that_is_named_has_to_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, SETTINGS_FILE="/none/x.toml")
    assert said() == "FINALITY_SETTINGS_FILE names /none/x.toml, which does not exist"


def test_a_table_that_is_no_json_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, CURRENCYCLOUD='{"canary')
    assert said().startswith("FINALITY_CURRENCYCLOUD: ")


def test_http_to_another_machine_is_refused_and_the_setting_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for url in ("http://api.bank.example", "http://bank", "http://10.0.0.1:80"):
        _account(monkeypatch, BASE_URL=url)
        text = said()
        assert text.startswith("FINALITY_CURRENCYCLOUD__MAIN__BASE_URL: http to ")
        assert "https" in text
    for url in ("https://api.bank.example", "http://127.0.0.1:8235", "http://localhost:1"):
        _account(monkeypatch, BASE_URL=url)
        assert Settings().partners.currencycloud["main"].base_url == url


def test_only_an_address_of_this_machine_is_simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    _account(monkeypatch, BASE_URL="https://bank", SIMULATED="true")
    assert "and bank is none" in said()


def test_a_secret_comes_from_a_file_for_names_in_tables_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "secrets"
    (folder / "..data").mkdir(parents=True)
    (folder / "currencycloud__main__api_key").write_text("from a file\n")
    (folder / "FINALITY_CURRENCYCLOUD__MAIN__WEBHOOKS__SECRETS").write_text(f'["{SIGNING}"]')
    (folder / "finality_database_url").write_text("sqlite:////a/b.db\n")
    _set(monkeypatch, SECRETS_DIR=str(folder))
    fields = {name: value for name, value in ACCOUNT.items() if name != "API_KEY"}
    _set(monkeypatch, **{f"CURRENCYCLOUD__MAIN__{name}": value for name, value in fields.items()})
    settings = Settings()
    account = settings.partners.currencycloud["main"]
    assert account.api_key.get_secret_value() == "from a file"
    assert account.webhooks is not None
    assert account.webhooks.secrets[0].get_secret_value() == SIGNING
    assert settings.database == "sqlite:////a/b.db"


def test_a_secret_file_that_sets_nothing_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _account(monkeypatch)
    _set(monkeypatch, SECRETS_DIR=str(tmp_path))
    (tmp_path / "databse_url").write_text("canary")
    assert f"{tmp_path / 'databse_url'}: there is no setting 'databse_url'" in said()
    (tmp_path / "databse_url").rename(tmp_path / "currencycloud__main__api_kee")
    assert re.search(r"currencycloud__main__api_kee: there is no .* is 'api_key' meant", said())
    _set(monkeypatch, SECRETS_DIR=str(tmp_path / "none"))
    assert "FINALITY_SECRETS_DIR=" in said()


WE = {"base_url": "https://bank.example", "login_id": "l", "api_key": "canary-secret"}


def _as_file(section: str, account: dict[str, str]) -> str:
    return f"[{section}.main]\n" + "\n".join(f"{k} = '{v}'" for k, v in account.items())


@pytest.mark.parametrize(("former", "today"), FORMER.items())
@pytest.mark.parametrize("where", ["file", "up", "variables", "json", "secrets"])
def test_a_former_name_works_wherever_settings_stand(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, toml: Write, where: str, former: str,
    today: tuple[str, ...],
) -> None:  # fmt: skip
    variable = former.upper()
    match where:
        case "file":
            toml(_as_file(former, WE))
        case "up":
            (tmp_path / ".finality").mkdir()
            (tmp_path / ".finality" / "up.json").write_text(json.dumps({former: {"main": WE}}))
        case "variables":
            _set(monkeypatch, **{f"{variable}__MAIN__{n.upper()}": v for n, v in WE.items()})
        case "json":
            _set(monkeypatch, **{variable: json.dumps({"main": WE})})
        case "secrets":
            (tmp_path / "secrets").mkdir()
            for name, value in WE.items():
                (tmp_path / "secrets" / f"{former}__main__{name}").write_text(value)
            _set(monkeypatch, SECRETS_DIR=str(tmp_path / "secrets"))
    table: Any = Settings()
    for name in today:
        table = getattr(table, name)
    assert table["main"].base_url == WE["base_url"]


def test_todays_names_work_in_each_place_and_the_places_add_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, toml: Write
) -> None:
    toml(_as_file("partners.currencycloud", {"base_url": "https://file.example", "login_id": "f"}))
    (tmp_path / "secrets").mkdir()
    secret = tmp_path / "secrets" / "partners__currencycloud__main__api_key"
    secret.write_text("canary-secret")
    _set(monkeypatch, SECRETS_DIR=str(tmp_path / "secrets"))
    # A former name in a place that comes first still comes first.
    _set(monkeypatch, CURRENCYCLOUD__MAIN__LOGIN_ID="v")
    account = Settings().partners.currencycloud["main"]
    assert (account.base_url, account.login_id) == ("https://file.example", "v")
    assert account.api_key.get_secret_value() == "canary-secret"


def test_a_setting_under_both_its_names_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, toml: Write
) -> None:
    toml(_as_file("partners.currencycloud", WE) + "\n" + _as_file("currencycloud", WE))
    text = said()
    assert "partners.currencycloud.main.base_url and " in text
    assert "finality.toml: currencycloud.main.base_url are two names of one setting" in text
    _set(monkeypatch, PARTNERS__CURRENCYCLOUD__MAIN__LOGIN_ID="l", CURRENCYCLOUD__MAIN__LOGIN_ID="")
    text = said()
    assert "FINALITY_PARTNERS__CURRENCYCLOUD__MAIN__LOGIN_ID" in text
    assert "FINALITY_CURRENCYCLOUD__MAIN__LOGIN_ID" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[partner.x]\na=1", "partner: there is no setting 'partner'; is 'partners' meant?"),
        ("[partners.currencycluod.x]\na=1", "partners.currencycluod: there is no setting"),
        ("[partners.currencycluod.x]\na=1", "is 'partners.currencycloud' meant?"),
        ("[partners.currencycloud.x]\nlogin='a'", "partners.currencycloud.x.login: there is no"),
        ("[partners.currencycloud.x]\nlogin='a'", "partners.currencycloud.x.api_key: Field requi"),
        ("[partners.currencycloud.x.webhooks]\nhedaer='a'", "is 'header' meant?"),
    ],
)
def test_what_sets_nothing_in_the_partners_sections_is_refused(
    toml: Write, text: str, expected: str
) -> None:
    toml(text)
    assert expected in said()


def test_what_kubernetes_puts_beside_them_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """It sets these in every container for a service that is called `finality`."""
    for name in ("SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT", "PORT_8236_TCP",
                 "PORT_8236_TCP_ADDR", "WEB_SERVICE_HOST", "WEB_PORT"):  # fmt: skip
        _set(monkeypatch, **{name: "tcp://10.0.0.7:8236"})
    Settings()


@pytest.mark.parametrize(
    ("given", "seconds"), [("30", 30), ("0.5", 0.5), ("PT40S", 40), ("00:01:00", 60)]
)
def test_a_time_in_a_variable_is_seconds_or_iso(
    monkeypatch: pytest.MonkeyPatch, given: str, seconds: float
) -> None:
    _account(monkeypatch, WATCH=given)
    _set(monkeypatch, UPKEEP_EVERY=given)
    settings = Settings()
    assert settings.upkeep_every == timedelta(seconds=seconds)
    assert settings.partners.currencycloud["main"].watch == timedelta(seconds=seconds)


@pytest.mark.parametrize("given", ["soon", "-", "30 s", "1e3"])
def test_a_time_that_is_none_is_refused_and_named(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    _set(monkeypatch, UPKEEP_EVERY=given)
    assert "FINALITY_UPKEEP_EVERY" in said()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[nexus.b]\nkeyring_file='k'\naccounts=['main']", "nexus.b.accounts: 'main' is not PART"),
        ("[nexus.'B!']\nkeyring_file='k'", "names a task queue"),
        ("[nexus.b]\ntenant='shop'", "nexus.b.keyring_file: Field required"),
        ("[nexus.b]\nkeyring_fiel='k'", "is 'keyring_file' meant?"),
    ],
)
def test_a_door_of_another_team_is_refused_by_its_field(
    toml: Write, text: str, expected: str
) -> None:
    toml(text)
    assert expected in said()


def test_a_door_is_set_by_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, NEXUS__BUYERS__KEYRING_FILE="/k", NEXUS__BUYERS__ACCOUNTS='["bank/main"]')
    [(name, door)] = Settings().nexus.items()
    assert (name, door.tenant, door.accounts) == ("buyers", "default", ("bank/main",))
