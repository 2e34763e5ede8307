"""Which shown names are the ordered one in other letters."""

from __future__ import annotations

import pytest

from partners.currencycloud.names import same_name


@pytest.mark.parametrize(
    ("shown", "ordered"),
    [
        ("MUELLER GMBH", "Müller GmbH"),
        ("Muller GmbH", "Müller GmbH"),
        ("Strasse AG", "Straße AG"),
        ("Sorensen ApS", "Sørensen ApS"),
        ("Soerensen ApS", "Sørensen ApS"),
        ("Lodz Sp. z o.o.", "Łódź Sp. z o.o."),
        ("Société Générale", "SOCIETE GENERALE"),
        ("Gesellschaft für Erd", "Gesellschaft für Erdbeobachtung mbH"),
    ],
)
def test_the_same_name_in_other_letters(shown: str, ordered: str) -> None:
    assert same_name(shown, ordered)


@pytest.mark.parametrize(
    ("shown", "ordered"),
    [
        ("Somebody Else", "Carla Creditor"),
        ("Carla", "Carla Creditor"),
        ("Carla Creditor & Sons", "Carla Creditor"),
        ("", "Carla Creditor"),
    ],
)
def test_another_name(shown: str, ordered: str) -> None:
    assert not same_name(shown, ordered)
