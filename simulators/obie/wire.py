"""The bank's JSON: errors of each version, amounts, moments, and what a request has to have."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from simulators.kit.clock import moment
from simulators.kit.partner import Call
from simulators.kit.replies import Json, Refusal, Reply
from simulators.obie.dialects import Version

JSON = "application/json; charset=utf-8"
_AMOUNT = re.compile(r"[0-9]{1,13}(\.[0-9]{1,5})?", re.ASCII)
_KEY_MAX = 40
_NAMES = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound",
          409: "Conflict", 500: "InternalServerError", 503: "ServiceUnavailable"}  # fmt: skip
#: Texts of an initiation, with their longest values; the mandatory ones first.
_TEXTS = {"InstructionIdentification": 35, "EndToEndIdentification": 35}
_ACCOUNT = {"SchemeName": 40, "Identification": 256}
SORT_CODE = "UK.OBIE.SortCodeAccountNumber"
SCHEMES = (SORT_CODE, "UK.OBIE.IBAN")


class Problem(Exception):
    """A refusal, with its code in the words of v4.0; the version says how it reads.

    Args:
        code: empty for a refusal without a body.
    """

    def __init__(self, status: int, code: str = "", text: str = "", path: str = "") -> None:
        super().__init__(f"{status} {code} {text}")
        self.status, self.code, self.text, self.path = status, code, text, path

    def refusal(self, version: Version) -> Refusal:
        return Refusal(self.status, self.body(version) if self.code else b"")

    def body(self, version: Version) -> Json:
        text = self.text or self.code
        at = {"Path": self.path} if self.path else {}
        error = {"ErrorCode": version.error(self.code), "Message": text, **at}
        whole: Json = {"Id": str(uuid.uuid4()), "Errors": [error]}
        if not version.codes_only:
            name = _NAMES.get(self.status, "Error")
            whole |= {"Code": f"{self.status} {name}", "Message": text}
        return whole


def words(fault: str, param: Mapping[str, Any], version: Version) -> Reply:
    """For the kit's faults. `refused` takes `status` and `code`."""
    match fault:
        case "unauthorised":
            return Reply(401, b"", JSON)
        case "rate_limited":
            return Reply(429, b"", JSON, {"Retry-After": "1"})
        case "internal_error" | "service_unavailable":
            problem = Problem(500 if fault == "internal_error" else 503, "U000", "out of order")
        case "duplicate_word":
            problem = Problem(*version.changed_body, "the resource exists already")
        case _:
            problem = Problem(int(param.get("status", 400)), str(param.get("code", "U002")))
    return Reply(problem.status, problem.body(version), JSON)


def shown_at(stamped: str) -> str:
    """A moment of the book as the bank writes it, with its offset and whole seconds."""
    return moment(stamped).isoformat(timespec="seconds")


def read_at(value: Any, path: str) -> datetime:
    """A moment of a request. Without an offset it is in UTC.

    Raises:
        Problem: it is none.
    """
    try:
        read = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise Problem(400, "U003", "not a date and time of ISO 8601", path) from error
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read


def amount(minor: int) -> str:
    whole, fraction = divmod(minor, 100)
    return f"{whole}.{fraction:02}"


def money(minor: int, currency: str) -> Json:
    return {"Amount": amount(minor), "Currency": currency}


def minor_of(value: Any, path: str) -> int:
    """An amount of pounds or euro in its hundredths.

    Raises:
        Problem: it is none, is zero, or is finer than a hundredth.
    """
    if not isinstance(value, str) or not _AMOUNT.fullmatch(value):
        raise Problem(400, "U002", "the amount is no decimal number in a string", path)
    whole, _, fraction = value.partition(".")
    minor = int(whole) * 100 + int(fraction[:2].ljust(2, "0"))
    if fraction[2:].strip("0") or minor <= 0:
        raise Problem(400, "U002", "the amount is zero, or finer than a penny", path)
    return minor


def section(fields: Mapping[str, Any], name: str, path: str) -> Json:
    """An object inside a body.

    Raises:
        Problem: it is missing, or no object.
    """
    found = fields.get(name)
    if found is None:
        raise Problem(400, "U004", f"{path} is missing", path)
    if not isinstance(found, dict):
        raise Problem(400, "U002", f"{path} is no object", path)
    return found


def initiation_of(data: Mapping[str, Any]) -> Json:
    """The initiation of one domestic payment in pounds.

    Raises:
        Problem: a field is missing or has another form.
    """
    base = "Data.Initiation"
    initiation = section(data, "Initiation", base)
    _texts(initiation, _TEXTS, base)
    instructed = section(initiation, "InstructedAmount", f"{base}.InstructedAmount")
    minor_of(instructed.get("Amount"), f"{base}.InstructedAmount.Amount")
    if instructed.get("Currency") != "GBP":
        path = f"{base}.InstructedAmount.Currency"
        raise Problem(400, "U023", "domestic payments are in GBP", path)
    creditor = section(initiation, "CreditorAccount", f"{base}.CreditorAccount")
    _account(creditor, f"{base}.CreditorAccount")
    _texts(creditor, {"Name": 350}, f"{base}.CreditorAccount")
    if "DebtorAccount" in initiation:
        debtor = section(initiation, "DebtorAccount", f"{base}.DebtorAccount")
        _account(debtor, f"{base}.DebtorAccount")
    return initiation


def _account(account: Json, path: str) -> None:
    _texts(account, _ACCOUNT, path)
    scheme, number = account["SchemeName"], account["Identification"]
    if scheme not in SCHEMES:
        raise Problem(400, "U027", f"there are {', '.join(SCHEMES)}", f"{path}.SchemeName")
    if scheme == SORT_CODE and not re.fullmatch(r"[0-9]{14}", number, re.ASCII):
        text = "a sort code and an account number are 14 digits"
        raise Problem(400, "U021", text, f"{path}.Identification")


def _texts(fields: Json, longest: Mapping[str, int], base: str) -> None:
    for name, most in longest.items():
        value, path = fields.get(name), f"{base}.{name}"
        if value is None:
            raise Problem(400, "U004", f"{path} is missing", path)
        if not isinstance(value, str) or not 0 < len(value) <= most:
            raise Problem(400, "U002", f"{path} has 1 to {most} characters", path)


def idempotency_key(call: Call) -> str:
    """Raises:
    Problem: it is missing, or longer than 40 characters.
    """
    given = call.headers.get("x-idempotency-key", "")
    if not given:
        raise Problem(400, "U007", "x-idempotency-key is missing", "x-idempotency-key")
    if len(given) > _KEY_MAX:
        text = f"x-idempotency-key has at most {_KEY_MAX} characters"
        raise Problem(400, "U006", text, "x-idempotency-key")
    return given


def links(call: Call, **more: str) -> Json:
    return {"Self": f"{call.address}{call.path}", **more}


def replaced(url: str, name: str, value: str | None) -> str:
    """The URL with another value of that parameter in its query or fragment; None removes it."""
    mark = "#" if "#" in url else "?"
    base, _, query = url.partition(mark)
    pairs = [(key, value if key == name else each) for key, each in parse_qsl(query)]
    return f"{base}{mark}{urlencode([(key, each) for key, each in pairs if each is not None])}"
