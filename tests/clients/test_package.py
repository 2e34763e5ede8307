"""The client is a package of its own, and says the words that the server says."""

from __future__ import annotations

import ast
import sys
from typing import Any, get_type_hints

import pytest

from domain.consents.display import ConsentDisplay
from domain.lifecycle.grants import Grant, GrantedAccount
from domain.lifecycle.resource import Certainty
from domain.payments.display import Funds
from domain.payments.report import PaymentState
from domain.payments.states import STATES
from finality_client import (
    accounts,
    answers,
    calls,
    consents,
    endpoints,
    orders,
    reports,
    words,
)
from starter import event_answer, reporting
from starter.api import account_data, bodies, consent_answers, consent_bodies, files, people
from starter.api import answers as served
from starter.api import webhooks as served_webhooks
from starter.api.callers import WAIT_SECONDS_MAX
from starter.api.guard import VERSION
from starter.api.reading import PaymentsQuery
from starter.webhooks.answers import AttemptAnswer, DeliveryNowAnswer, EndpointAnswer
from tests.conftest import ROOT

PACKAGE = ROOT / "clients" / "python" / "finality_client"


def test_it_imports_httpx_and_pydantic_and_nothing_of_ours() -> None:
    allowed = {"httpx", "pydantic", "finality_client", *sys.stdlib_module_names}
    #: For `finality-client[nexus]`, which programs without workflows do not install.
    extra = {"nexus.py": {"temporalio", "nexusrpc", "google", "cryptography"}}
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Import():
                    found = [each.name for each in node.names]
                case ast.ImportFrom():
                    assert not node.level
                    found = [node.module or ""]
                case _:
                    continue
            roots = {name.split(".")[0] for name in found}
            assert roots <= allowed | extra.get(file.name, set()), file


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(words.PaymentState, PaymentState), (words.Certainty, Certainty), (words.Funds, Funds)],
)
def test_its_words_are_the_servers(ours: Any, theirs: Any) -> None:
    assert {each.value for each in ours} == {each.value for each in theirs}


def test_it_knows_the_states_that_end_a_payment_and_the_version_of_the_api() -> None:
    assert {each.value for each in words.ENDS} == {
        name.value for name, row in STATES.items() if row.ends
    }
    assert calls.VERSION == VERSION
    assert calls.POLL_SECONDS_MAX == WAIT_SECONDS_MAX


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (answers.Payment, served.PaymentAnswer),
        (answers.Episode, served.EpisodeAnswer),
        (answers.Claim, served.ClaimAnswer),
        (answers.Command, served.CommandAnswer),
        (answers.Link, served.LinkAnswer),
        (answers.Event, event_answer.EventAnswer),
        (answers.FileNow, files.FileNowAnswer),
        (answers.Line, files.LineAnswer),
        (answers.Task, people.TaskAnswer),
        (answers.Halt, people.HaltAnswer),
        (consents.Consent, consent_answers.ConsentAnswer),
        (consents.ConsentCommand, consent_answers.ConsentCommandAnswer),
        (consents.ConsentDisplay, ConsentDisplay),
        (consents.Grant, Grant),
        (consents.GrantedAccount, GrantedAccount),
        (accounts.Account, account_data.AccountAnswer),
        (accounts.Balance, account_data.BalanceAnswer),
        (accounts.Transaction, account_data.TransactionAnswer),
        (accounts.TransactionPage, account_data.TransactionsAnswer),
        (accounts.Refresh, account_data.RefreshAnswer),
        (endpoints.Endpoint, EndpointAnswer),
        (endpoints.EndpointWithSecret, served_webhooks.SecretAnswer),
        (endpoints.WebhookDelivery, DeliveryNowAnswer),
        (endpoints.DeliveryAttempt, AttemptAnswer),
        (endpoints.Resent, served_webhooks.ResentAnswer),
        (reports.TotalsRow, reporting.TotalsRow),
        (reports.FeesRow, reporting.FeesRow),
        (reports.UnresolvedRow, reporting.UnresolvedRow),
    ],
)
def test_its_answers_have_the_fields_of_the_servers(ours: Any, theirs: Any) -> None:
    # The class of an answer says which object it is.
    assert set(ours.model_fields) | {"object"} == set(theirs.model_fields) | {"object"}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (orders.PaymentOrder, bodies.PaymentBody),
        (orders.CollectionOrder, bodies.CollectionBody),
        (orders.MoneyFields, bodies.MoneyBody),
        (orders.AccountFields, bodies.AccountBody),
        (orders.TimesFields, bodies.TimesBody),
        (consents.ConsentOrder, consent_bodies.ConsentBody),
        (consents.UserFields, consent_bodies.UserBody),
        (endpoints.EndpointChanges, served_webhooks.ChangedEndpointBody),
        (endpoints.Range, served_webhooks.RangeBody),
    ],
)
def test_its_orders_have_the_fields_of_the_servers(ours: Any, theirs: Any) -> None:
    assert set(get_type_hints(ours)) == set(theirs.model_fields)
    required = {name for name, field in theirs.model_fields.items() if field.is_required()}
    assert ours.__required_keys__ == required


def test_its_filters_are_the_servers() -> None:
    assert set(get_type_hints(orders.Filters)) | {"after", "limit"} == set(
        PaymentsQuery.model_fields
    )
