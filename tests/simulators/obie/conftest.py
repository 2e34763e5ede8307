"""A UK bank on a real socket, and a TPP that speaks to it in the raw, with its own signatures."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import json
import re
import secrets
import shutil
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
import uvicorn
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from simulators.kit.app import PartnerServer, listen
from simulators.obie.control import Control
from simulators.obie.partner import CERTIFICATES, Partner
from tests.simulators.obie.openapi import OpenApi

BACK = "https://app.test/back"
CONSENTS, PAYMENTS = "pisp/domestic-payment-consents", "pisp/domestic-payments"
ACCESS = "aisp/account-access-consents"
DEBTOR, CREDITOR = "80200110203345", "08080021325698"
CLIENT, ORGANISATION, SOFTWARE = "tpp-1", "0015800001041RHAAY", "HQuZPIt3ipkh33Uxytox1E"
READ_ALL = [
    "ReadAccountsDetail",
    "ReadBalances",
    "ReadTransactionsDetail",
    "ReadTransactionsCredits",
    "ReadTransactionsDebits",
]
_OB = "http://openbanking.org.uk/"
CLAIMS = (f"{_OB}iat", f"{_OB}iss", f"{_OB}tan")
_PADDING = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)


def b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@cache
def tpp_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwk_of(key: rsa.RSAPrivateKey, kid: str = "tpp-key") -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "kid": kid, "use": "sig", "alg": "PS256", "e": "AQAB",
            "n": b64(numbers.n.to_bytes(256))}  # fmt: skip


def public_key_of(jwk: dict[str, str]) -> rsa.RSAPublicKey:
    numbers = (int.from_bytes(unb64(jwk[name])) for name in ("e", "n"))
    return rsa.RSAPublicNumbers(*numbers).public_key()


def sign(signing_input: str | bytes, key: rsa.RSAPrivateKey | None = None) -> str:
    text = signing_input if isinstance(signing_input, bytes) else signing_input.encode()
    return b64((key or tpp_key()).sign(text, _PADDING, hashes.SHA256()))


def jwt(claims: dict[str, Any], key: rsa.RSAPrivateKey | None = None, **header: Any) -> str:
    members = {"alg": "PS256", "kid": "tpp-key", **header}
    text = f"{b64(json.dumps(members).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{text}.{sign(text, key)}"


def claims_of(token: str, keys: dict[str, Any]) -> dict[str, Any]:
    """The claims of a JWT of the bank, whose signature is checked.

    Raises:
        InvalidSignature: it is wrong.
    """
    head, payload, signature = token.split(".")
    kid = json.loads(unb64(head))["kid"]
    key = next(public_key_of(each) for each in keys["keys"] if each["kid"] == kid)
    key.verify(unb64(signature), f"{head}.{payload}".encode(), _PADDING, hashes.SHA256())
    claims: dict[str, Any] = json.loads(unb64(payload))
    return claims


def members(**changed: Any) -> dict[str, Any]:
    """The header of a message signature. A member that is changed to None is left out."""
    whole: dict[str, Any] = {
        "alg": "PS256",
        "kid": "tpp-key",
        f"{_OB}iat": int(time.time()) - 1,
        f"{_OB}iss": f"{ORGANISATION}/{SOFTWARE}",
        f"{_OB}tan": "openbanking.org.uk",
        "crit": list(CLAIMS),
        **{name.replace("ob_", _OB): value for name, value in changed.items()},
    }
    return {name: value for name, value in whole.items() if value is not None}


def detached(body: bytes, *, unencoded: bool = False, **changed: Any) -> str:
    head = b64(json.dumps(members(**changed)).encode())
    payload = body if unencoded else b64(body).encode()
    return f"{head}..{sign(head.encode() + b'.' + payload)}"


def check_detached(answer: httpx.Response, keys: dict[str, Any], *, unencoded: bool = False) -> Any:
    """The header of a reply's signature, which is checked.

    Raises:
        InvalidSignature: it is wrong.
    """
    head, middle, signature = answer.headers["x-jws-signature"].split(".")
    assert middle == ""
    found = json.loads(unb64(head))
    payload = answer.content if unencoded else b64(answer.content).encode()
    key = next(public_key_of(each) for each in keys["keys"] if each["kid"] == found["kid"])
    signed = head.encode() + b"." + payload
    key.verify(unb64(signature), signed, _PADDING, hashes.SHA256())
    return found


def initiation(number: int = 1, **changed: Any) -> dict[str, Any]:
    return {
        "InstructionIdentification": f"INSTR-{number}",
        "EndToEndIdentification": f"INV-{number}",
        "InstructedAmount": {"Amount": "123.50", "Currency": "GBP"},
        "CreditorAccount": {
            "SchemeName": "UK.OBIE.SortCodeAccountNumber",
            "Identification": CREDITOR,
            "Name": "Carla Creditor",
        },
        **changed,
    }


@dataclass
class Tpp:
    """Somebody with a registered client; keeps every exchange."""

    address: str
    http: httpx.Client
    version: str = "v4.0"
    unencoded: bool = False
    seen: list[tuple[str, str, httpx.Response]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _own: dict[str, str] = field(default_factory=dict)

    # The authorisation server

    def register(self, **changed: Any) -> dict[str, Any]:
        client = {
            "client_id": CLIENT,
            "client_name": "Finance App",
            "jwks": {"keys": [jwk_of(tpp_key())]},
            "redirect_uris": [BACK],
            "organisation_id": ORGANISATION,
            "software_id": SOFTWARE,
            **changed,
        }
        made: dict[str, Any] = self.control("clients", client)
        return made

    def keys(self) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get("/jwks").json()
        return found

    def assertion(self, **changed: Any) -> str:
        claims = {"iss": CLIENT, "sub": CLIENT, "aud": f"{self.address}/token",
                  "exp": int(time.time()) + 60, "jti": str(uuid.uuid4()), **changed}  # fmt: skip
        return jwt(claims)

    def ask_token(self, **form: str) -> httpx.Response:
        kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        if "client_id" not in form:
            form = {"client_assertion_type": kind, "client_assertion": self.assertion(), **form}
        return self.http.post("/token", data=form)

    def token(self, **form: str) -> dict[str, Any]:
        answer = self.ask_token(**form)
        assert answer.status_code == 200, answer.text
        given: dict[str, Any] = answer.json()
        return given

    def own_token(self, scope: str) -> str:
        if scope not in self._own:
            given = self.token(grant_type="client_credentials", scope=scope)
            self._own[scope] = given["access_token"]
        return self._own[scope]

    def authorise_url(self, consent_id: str, scope: str, /, **changed: Any) -> tuple[str, str]:
        """The URL for the browser, and the code verifier."""
        verifier = secrets.token_urlsafe(48)
        claims = {"id_token": {"openbanking_intent_id": {"value": consent_id, "essential": True}}}
        asked = {
            "response_type": "code",
            "client_id": CLIENT,
            "redirect_uri": BACK,
            "scope": f"openid {scope}",
            "state": secrets.token_urlsafe(8),
            "nonce": secrets.token_urlsafe(8),
            "claims": json.dumps(claims),
            "code_challenge": b64(hashlib.sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
            **changed,
        }
        given = {name: value for name, value in asked.items() if value is not None}
        return f"{self.address}/authorize?{urlencode(given)}", verifier

    def browse(self, url: str) -> httpx.Response:
        """What a browser does without a certificate: open the page, up to where it stops."""
        answer = self.http.get(url)
        while answer.status_code == 303 and answer.headers["location"].startswith(self.address):
            answer = self.http.get(answer.headers["location"])
        return answer

    def click(
        self, page: httpx.Response, choice: str, accounts: list[str] | None = None
    ) -> httpx.Response:
        """Press a button of the page's form, with its own or the given accounts."""
        action = re.search(r'<form method="post" action="([^"]+)">', page.text)
        assert action is not None, page.text
        assert f'name="choice" value="{choice}"' in page.text
        checked = re.findall(r'name="account" value="(\w+)" checked', page.text)
        form = {"choice": choice, "account": checked if accounts is None else accounts}
        return self.http.post(action.group(1), data=form)

    def answer_of(self, back: httpx.Response) -> dict[str, str]:
        """What the redirect carries to the TPP."""
        assert back.status_code == 303, back.text
        url = urlsplit(back.headers["location"])
        assert f"{url.scheme}://{url.netloc}{url.path}" == BACK
        return {name: each[0] for name, each in parse_qs(url.query or url.fragment).items()}

    def authorised(
        self, consent_id: str, scope: str, accounts: list[str] | None = None
    ) -> dict[str, Any]:
        """The PSU approves, and the code is exchanged: the token reply."""
        url, verifier = self.authorise_url(consent_id, scope)
        told = self.answer_of(self.click(self.browse(url), "approve", accounts))
        return self.redeem(told["code"], verifier)

    def redeem(self, code: str, verifier: str, **changed: str) -> dict[str, Any]:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK,
                "code_verifier": verifier, **changed}  # fmt: skip
        return self.token(**form)

    # The resources

    def ask(
        self, method: str, path: str, body: Any = None, *, token: str = "", **headers: str | None
    ) -> httpx.Response:
        """A request with the TPP's own token, unless one is given. A header None is left out."""
        content = b"" if body is None else json.dumps(body).encode()
        scope = "payments" if "pisp/" in path else "accounts"
        given: dict[str, str | None] = {
            "authorization": f"Bearer {token or self.own_token(scope)}",
            "x-fapi-interaction-id": str(uuid.uuid4()),
        }
        if body is not None:
            given["content-type"] = "application/json"
        if method == "POST" and path.startswith("pisp"):
            extra = {"b64": False, "crit": ["b64", *CLAIMS]} if self.unencoded else {}
            signature = detached(content, unencoded=self.unencoded, **extra)
            given |= {"x-idempotency-key": str(uuid.uuid4()), "x-jws-signature": signature}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        url = path if path.startswith("http") else f"/open-banking/{self.version}/{path}"
        sent = {name: value for name, value in given.items() if value is not None}
        answer = self.http.request(method, url, content=content, headers=sent)
        self.seen.append((method, str(answer.request.url), answer))
        return answer

    def get(self, path: str, token: str = "") -> dict[str, Any]:
        answer = self.ask("GET", path, token=token)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def ask_payment(self, **changed: Any) -> dict[str, Any]:
        order = initiation(next(self.numbers), **changed)
        answer = self.ask("POST", CONSENTS, {"Data": {"Initiation": order}, "Risk": {}})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def order_of(self, consent: dict[str, Any]) -> dict[str, Any]:
        data = {name: consent["Data"][name] for name in ("ConsentId", "Initiation")}
        return {"Data": data, "Risk": consent["Risk"]}

    def pay(self, **changed: Any) -> dict[str, Any]:
        """Ask for a payment, let the PSU approve it, and submit it."""
        consent = self.ask_payment(**changed)
        token = self.authorised(consent["Data"]["ConsentId"], "payments")["access_token"]
        answer = self.ask("POST", PAYMENTS, self.order_of(consent), token=token)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def status(self, payment: dict[str, Any]) -> str:
        path = f"{PAYMENTS}/{payment['Data']['DomesticPaymentId']}"
        return str(self.get(path)["Data"]["Status"])

    def ask_access(self, permissions: list[str] | None = None, **more: Any) -> str:
        data = {"Permissions": permissions or READ_ALL, **more}
        answer = self.ask("POST", ACCESS, {"Data": data, "Risk": {}})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["Data"]["ConsentId"])

    # The control endpoint

    def control(self, path: str, body: Any = None, *, method: str = "") -> Any:
        method = method or ("GET" if body is None else "POST")
        answer = self.http.request(method, f"/_control/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def apply(self, what: str, object_id: str, **param: Any) -> None:
        self.control(f"payments/{object_id}", {"fault": what, "param": param})

    def fault(self, fault: str, on: str = "* *", **rest: Any) -> None:
        self.control("faults", [{"fault": fault, "on": on, **rest}])

    def advance(self, seconds: float) -> None:
        self.control("clock", {"advance_seconds": seconds})
        self._own.clear()


def _serve(
    file: Path, dialect: str, tls: dict[str, Path], started: Future[tuple[str, uvicorn.Server]]
) -> None:
    """Serve until told to stop. The book's connection belongs to the thread that opened it."""
    try:
        partner = Partner(file, dialect)
        partner.book.keep_setting(CERTIFICATES, "1" if tls else "")
        listener = listen(0)
    except BaseException as error:
        started.set_exception(error)
        raise
    server = PartnerServer(partner, Control, **tls)
    scheme = "https" if tls else "http"
    started.set_result((f"{scheme}://127.0.0.1:{listener.getsockname()[1]}", server))
    with listener:
        asyncio.run(server.serve(sockets=[listener]))
    partner.book.close()


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book with its key and its accounts, which take longer to make than to copy."""
    file = tmp_path_factory.mktemp("bank") / "furnished.sqlite"
    Partner(file).book.close()
    return file


@pytest.fixture
def bank(
    tmp_path: Path, furnished: Path, ending: list[threading.Thread]
) -> Iterator[Callable[..., Tpp]]:
    """Opens a bank of a dialect. Its clock stands still, and its books balance in the end."""
    opened: list[tuple[Tpp, uvicorn.Server, threading.Thread]] = []

    def open_bank(
        dialect: str = "standard",
        *,
        version: str = "v4.0",
        tls: dict[str, Path] | None = None,
        context: ssl.SSLContext | None = None,
    ) -> Tpp:
        started: Future[tuple[str, uvicorn.Server]] = Future()
        file = tmp_path / f"{len(opened)}.sqlite"
        shutil.copy(furnished, file)
        arguments = (file, dialect, tls or {}, started)
        thread = threading.Thread(target=_serve, args=arguments, daemon=True)
        thread.start()
        address, server = started.result(timeout=30)
        http = httpx.Client(base_url=address, verify=context or True, timeout=30)
        tpp = Tpp(address, http, version, unencoded=dialect == "unencoded")
        tpp.control("clock", {"frozen": True})
        tpp.register()
        opened.append((tpp, server, thread))
        return tpp

    yield open_bank
    for tpp, server, thread in opened:
        entries: dict[str, int] = {}
        for line in tpp.control("book")["postings"]:
            entries[line["entry"]] = entries.get(line["entry"], 0) + line["amount_minor"]
        assert set(entries.values()) <= {0}
        tpp.http.close()
        server.should_exit = server.force_exit = True
        ending.append(thread)


@pytest.fixture
def tpp(bank: Callable[..., Tpp]) -> Tpp:
    return bank()


@pytest.fixture(params=["v3.1", "v4.0"])
def either(bank: Callable[..., Tpp], request: pytest.FixtureRequest) -> Tpp:
    """A TPP that speaks one version of the standard, and then the other."""
    return bank(version=request.param)


@pytest.fixture(scope="session")
def openapi(specs: Path) -> OpenApi:
    return OpenApi(specs)
