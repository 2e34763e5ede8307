"""Every word of the official file is mapped, or named as one that we never meet."""

from __future__ import annotations

import pytest

from domain.consents.report import ConsentState
from domain.consents.states import STATES
from partners.berlin_group import errors, words
from partners.berlin_group.errors import Proves, proven, read_errors
from tests.simulators.berlin_group.openapi import OpenApi

#: The lists of codes of the services that we do not call.
_OTHER_SERVICES = ("_PIIS", "_SBS")


def test_every_transaction_status_is_mapped_or_not_met(openapi: OpenApi) -> None:
    published = set(openapi.enum("transactionStatus"))
    assert set(words.STATES) | words.NOT_MET == published
    assert set(words.STATES).isdisjoint(words.NOT_MET)
    assert set(words.STATES) > words.BEFORE_SCA | words.CANCELLABLE
    assert set(openapi.enum("transactionStatus_SBS")) <= published


def test_every_consent_status_is_mapped(openapi: OpenApi) -> None:
    published = openapi.enum("consentStatus")
    assert set(words.CONSENT_STATES) == {word.lower() for word in published}
    for word in published:
        assert words.consent_state(word) is words.consent_state(word.upper()) is not None
    states = set(words.CONSENT_STATES.values())
    assert states - {ConsentState.ACTIVE} == words.BEFORE_CONSENT | words.ENDED_CONSENT
    assert all(STATES[each].ends for each in words.ENDED_CONSENT)
    assert words.consent_state("suspended") is None


def test_every_sca_status_is_mapped(openapi: OpenApi) -> None:
    assert set(words.SCA) == set(openapi.enum("scaStatus"))
    assert set(openapi.enum("scaStatusAuthorisationConfirmation")) <= set(words.SCA)


def test_every_category_is_known(openapi: OpenApi) -> None:
    assert openapi.enum("tppMessageCategory") == ["ERROR", "WARNING"]


def test_every_message_code_is_classified_once(openapi: OpenApi) -> None:
    groups = (
        errors.OUR_ACCESS, errors.TURNED_AWAY, errors.CHANGED, errors.REFUSED, errors.NOTES,
        errors.NOT_MET,
    )  # fmt: skip
    classified = [code for group in groups for code in group]
    published = {code for codes in openapi.codes.values() for code in codes}
    assert sorted(classified) == sorted(published)


def test_no_code_of_payments_and_accounts_is_called_not_met(openapi: OpenApi) -> None:
    ours = {
        code
        for name, codes in openapi.codes.items()
        if not name.endswith(_OTHER_SERVICES)
        for code in codes
    }
    assert ours.isdisjoint(errors.NOT_MET)


def test_each_code_proves_what_its_own_status_means(openapi: OpenApi) -> None:
    expected = {
        "400": Proves.REFUSED, "401": Proves.TURNED_AWAY, "403": Proves.REFUSED,
        "404": Proves.REFUSED, "405": Proves.REFUSED, "406": Proves.REFUSED,
        "409": Proves.CHANGED, "429": Proves.TURNED_AWAY,
    }  # fmt: skip
    for name, codes in openapi.codes.items():
        status = name.removeprefix("MessageCode")[:3]
        if status not in expected or name.endswith(_OTHER_SERVICES):
            continue
        for code in codes:
            told = read_errors(f'{{"tppMessages":[{{"category":"ERROR","code":"{code}"}}]}}')
            assert proven(int(status), told) is expected[status], f"{status} {code}"


@pytest.mark.parametrize(
    ("status", "body", "proves"),
    [
        (400, "", Proves.NOTHING),
        (400, "{}", Proves.NOTHING),
        (400, '{"tppMessages":[{"category":"ERROR","code":"NEW_CODE"}]}', Proves.NOTHING),
        (408, '{"tppMessages":[{"category":"ERROR","code":"FORMAT_ERROR"}]}', Proves.NOTHING),
        (302, "", Proves.NOTHING),
        (401, "<html>", Proves.TURNED_AWAY),
        (429, "", Proves.TURNED_AWAY),
        (400, '{"type":"x","code":"FORMAT_ERROR","title":"no"}', Proves.REFUSED),
        (400, '{"tppMessages":[{"category":"WARNING","code":"WARNING"}]}', Proves.NOTHING),
        (
            400,
            '{"tppMessages":[{"code":"FORMAT_ERROR"},{"code":"STATUS_INVALID"}]}',
            Proves.NOTHING,
        ),
    ],
)
def test_an_answer_proves_no_more_than_it_says(status: int, body: str, proves: Proves) -> None:
    assert proven(status, read_errors(body)) is proves


def test_an_unknown_code_is_drift_and_quoted() -> None:
    told = read_errors('{"tppMessages":[{"category":"ERROR","code":"NEW_CODE"}]}')
    assert errors.drift("/v1", 400, told) == (
        "/v1: 400 with the code 'NEW_CODE', which is not known here",
    )
    assert errors.drift("/v1", 400, ()) != ()
