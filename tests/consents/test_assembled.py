"""A bank that gives access to accounts is registered like every partner, beside its payments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from assembly import assembled
from domain.consents.instructions import KIND
from partners.interface import ConsentPartner, PaymentPartner
from partners.kit.account import PartnerAccount
from partners.kit.registration import Registration
from partners.kit.workplace import Workplace
from partners.registry import Partners
from settings import Settings
from starter.running import LIFECYCLES
from store.keyring import Keyring
from tests.consents.bank import ModelBank
from tests.fakes import FakePartner, profile


def _make(account: PartnerAccount, workplace: Workplace) -> PaymentPartner:
    return FakePartner(profile(), workplace.clock)


def _consents(account: PartnerAccount, workplace: Workplace) -> ConsentPartner:
    return ModelBank(Path("no book"), workplace.clock)


REGISTRATION: Final = Registration(
    title="The model bank", account=PartnerAccount, make=_make, consents=_consents
)
PAYMENTS_ALONE: Final = Registration(title="Another", account=PartnerAccount, make=_make)


class ModelPartners(Partners):
    """The product's partners, and two more."""

    model: Annotated[dict[str, PartnerAccount], REGISTRATION] = Field(default_factory=dict)
    other: Annotated[dict[str, PartnerAccount], PAYMENTS_ALONE] = Field(default_factory=dict)


class ModelSettings(Settings):
    """The product's settings, with accounts at them."""

    partners: ModelPartners = Field(default_factory=ModelPartners)


async def test_its_accounts_have_an_adapter_for_consents(tmp_path: Path) -> None:
    Keyring.make(tmp_path / "keyring")
    here = {"main": {"base_url": "http://127.0.0.1:1", "simulated": True}}
    partners = ModelPartners.model_validate({"model": here, "other": here})
    async with assembled(ModelSettings(home=tmp_path, partners=partners)) as assembly:
        assert {*assembly.partners} == {("model", "main"), ("other", "main")}
        assert {*assembly.consent_partners} == {("model", "main")}
        assert {*assembly.kinds} == {*LIFECYCLES}
        assert KIND in assembly.kinds
