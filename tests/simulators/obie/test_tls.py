"""HTTPS with client certificates: who is let in, and which certificate a token works with."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.simulators.obie.conftest import CLIENT, Tpp, jwk_of, tpp_key
from tests.transport.pki import Authority, Issued


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "directory")


def context_of(authority: Authority, client: Issued | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.file)
    if client is not None:
        context.load_cert_chain(client.certificate, client.key)
    return context


@pytest.fixture
def secure(bank: Callable[..., Tpp], authority: Authority) -> Tpp:
    """A TPP with a certificate at a bank that asks for one."""
    server = authority.issue("bank", is_server=True)
    tls = {"certificate": server.both, "client_authority": authority.file}
    context = context_of(authority, authority.issue(CLIENT))
    return bank(tls=tls, context=context)


def with_context(tpp: Tpp, context: ssl.SSLContext) -> httpx.Client:
    return httpx.Client(base_url=tpp.address, verify=context, timeout=30)


def test_a_token_works_with_the_certificate_it_was_issued_to(
    secure: Tpp, authority: Authority
) -> None:
    given = secure.authorised(secure.ask_access(), "accounts")
    token = given["access_token"]
    assert secure.ask("GET", "aisp/accounts", token=token).status_code == 200
    own = secure.http
    for context in (context_of(authority), context_of(authority, authority.issue("thief"))):
        with with_context(secure, context) as stolen:
            secure.http = stolen
            assert secure.ask("GET", "aisp/accounts", token=token).status_code == 401
    secure.http = own


def test_a_rotated_certificate_needs_new_tokens(secure: Tpp, authority: Authority) -> None:
    given = secure.authorised(secure.ask_access(), "accounts")
    rotated = with_context(secure, context_of(authority, authority.issue(f"{CLIENT}-new")))
    old, secure.http = secure.http, rotated
    assert secure.ask("GET", "aisp/accounts", token=given["access_token"]).status_code == 401
    fresh = secure.token(grant_type="refresh_token", refresh_token=given["refresh_token"])
    assert secure.ask("GET", "aisp/accounts", token=fresh["access_token"]).status_code == 200
    old.close()


def test_the_token_endpoint_needs_a_certificate_and_the_payer_s_page_needs_none(
    secure: Tpp, authority: Authority
) -> None:
    url, _ = secure.authorise_url(secure.ask_access(), "accounts")
    with with_context(secure, context_of(authority)) as browser:
        assert browser.post("/token", data={"grant_type": "client_credentials"}).status_code == 401
        own, secure.http = secure.http, browser
        assert "code" in secure.answer_of(secure.click(secure.browse(url), "approve"))
        secure.http = own


def test_a_client_may_prove_itself_by_its_certificate_alone(secure: Tpp) -> None:
    secure.register(
        client_id="tls-only",
        jwks={"keys": [jwk_of(tpp_key())]},
        token_endpoint_auth_method="tls_client_auth",
        tls_client_auth_subject_dn=f"CN={CLIENT},O=Finality Test",
    )
    grant = {"grant_type": "client_credentials", "scope": "accounts"}
    assert secure.ask_token(client_id="tls-only", **grant).status_code == 200
    assert secure.ask_token(client_id=CLIENT, **grant).status_code == 401, "it has another method"
    secure.register(
        client_id="tls-only",
        token_endpoint_auth_method="tls_client_auth",
        tls_client_auth_subject_dn="CN=somebody,O=Finality Test",
    )
    assert secure.ask_token(client_id="tls-only", **grant).status_code == 401


def test_a_certificate_of_an_unknown_authority_ends_the_handshake(
    secure: Tpp, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    stranger = Authority(tmp_path / "elsewhere", "nobody").issue(CLIENT)
    with (
        with_context(secure, context_of(authority, stranger)) as http,
        pytest.raises(httpx.TransportError),
    ):
        http.get("/jwks")
