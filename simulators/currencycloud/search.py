"""Searches with the spec's filters, scopes and pages."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from simulators.currencycloud.accounts import SCOPES, Accounts
from simulators.currencycloud.amounts import to_minor
from simulators.currencycloud.book import Book
from simulators.currencycloud.wire import Refusal, refuse
from simulators.kit.clock import stamp
from simulators.kit.replies import Json

PER_PAGE = 25
# Moments are compared to the second, because replies show them so.
_SECONDS = len("2023-12-31T23:59:59")

PAGING = ("page", "per_page", "order", "order_asc_desc")


def only_known(fields: Mapping[str, str], known: Collection[str], error_code: str) -> None:
    """Check that there are no other parameters.

    Raises:
        Refusal: 400, a parameter that the spec does not have.
    """
    extra = sorted(set(fields) - set(known))
    if extra:
        names = ", ".join(extra)
        message = f"Invalid extra parameters {names}"
        reason = ("base", "invalid_extra_parameters", message, {"parameters": names})
        raise Refusal(400, error_code, reason)


def one_of(fields: Mapping[str, str], name: str, known: Sequence[str], error_code: str) -> None:
    """Check a parameter's value.

    Raises:
        Refusal: 400, a value outside the spec's list.
    """
    value = fields.get(name)
    if value is not None and value not in known:
        values = ", ".join(known)
        message = f"{name} should be in range: {values}"
        raise Refusal(400, error_code, (name, f"{name}_not_in_range", message, {"range": values}))


def boolean(fields: Mapping[str, str], name: str, error_code: str) -> bool:
    """Only `true` and `false`, in lower case: the official client takes care to send them so.

    Raises:
        Refusal: 400, another value.
    """
    value = fields.get(name, "false")
    if value not in ("true", "false"):
        code, message = f"{name}_type_is_wrong", f"{name} should be of boolean type"
        raise refuse(400, error_code, name, code, message)
    return value == "true"


@dataclass
class Search:
    """One search: conditions are added, then a page is read."""

    book: Book
    table: str
    fields: Mapping[str, str]
    error_code: str
    conditions: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def scope(self, accounts: Accounts, account_id: str) -> None:
        one_of(self.fields, "scope", SCOPES, self.error_code)
        seen = accounts.in_scope(account_id, self.fields.get("scope", "own"))
        marks = ", ".join("?" * len(seen))
        self.where(f"account_id IN ({marks})", *seen)

    def where(self, condition: str, *values: Any) -> None:
        self.conditions.append(condition)
        self.values.extend(values)

    def equal(self, *columns: str) -> None:
        """Parameters that have to equal the column of the same name."""
        for column in columns:
            if column in self.fields:
                self.where(f"{column} = ?", self.fields[column])

    def between(self, *columns: str) -> None:
        """`column_from` and `column_to`, both inclusive."""
        for column in columns:
            for end, sign in (("from", ">="), ("to", "<=")):
                name = f"{column}_{end}"
                if name in self.fields:
                    seconds = f"substr({column}, 1, {_SECONDS})"
                    self.where(f"{seconds} {sign} ?", self._moment(name))

    def days(self, column: str) -> None:
        for end, sign in (("from", ">="), ("to", "<=")):
            name = f"{column}_{end}"
            if name in self.fields:
                self.where(f"{column} {sign} ?", self._moment(name)[:10])

    def amounts(self) -> None:
        """Compare amounts in the currency searched for, or with two decimals if none is given."""
        currency = self.fields.get("currency", "EUR")
        for name, sign in (("amount", "="), ("amount_from", ">="), ("amount_to", "<=")):
            if name in self.fields:
                try:
                    minor = to_minor(self.fields[name], currency)
                except ValueError:
                    code, message = f"{name}_type_is_wrong", f"{name} should be of numeric type"
                    raise refuse(400, self.error_code, name, code, message) from None
                self.where(f"amount_minor {sign} ?", minor)

    def page(self, orders: Mapping[str, str]) -> tuple[list[dict[str, Any]], Json]:
        """The rows of the requested page, and the pagination object.

        Args:
            orders: possible values of `order` and their columns; the first is the default.

        Raises:
            Refusal: 400, an invalid page, page size or order.
        """
        number, size = self._count("page", 1), self._count("per_page", PER_PAGE)
        one_of(self.fields, "order", list(orders), self.error_code)
        one_of(self.fields, "order_asc_desc", ("asc", "desc"), self.error_code)
        order = self.fields.get("order", next(iter(orders)))
        direction = self.fields.get("order_asc_desc", "asc")
        where = " AND ".join(self.conditions) or "1"
        counted = self.book.row(f"SELECT count(*) n FROM {self.table} WHERE {where}", *self.values)
        total = int(counted["n"]) if counted else 0
        rows = self.book.rows(
            f"SELECT * FROM {self.table} WHERE {where}"
            f" ORDER BY {orders[order]} {direction}, rowid {direction} LIMIT ? OFFSET ?",
            *self.values,
            size,
            (number - 1) * size,
        )
        pages = -(-total // size)
        pagination = {
            "total_entries": total,
            "total_pages": pages,
            "current_page": number,
            "per_page": size,
            "previous_page": number - 1 if number > 1 else -1,
            "next_page": number + 1 if number < pages else -1,
            "order": order,
            "order_asc_desc": direction,
        }
        return rows, pagination

    def _count(self, name: str, default: int) -> int:
        text = self.fields.get(name, str(default))
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            code, message = f"{name}_type_is_wrong", f"{name} should be of integer type"
            raise refuse(400, self.error_code, name, code, message)
        if int(text) < 1:
            code, message = f"{name}_is_too_small", f"{name} can not be smaller than 1"
            raise refuse(400, self.error_code, name, code, message)
        return int(text)

    def _moment(self, name: str) -> str:
        try:
            at = datetime.fromisoformat(self.fields[name])
            # A day, or a time without offset, counts as UTC.
            return stamp(at if at.tzinfo else at.replace(tzinfo=UTC))[:_SECONDS]
        except ValueError:
            code, message = f"{name}_type_is_wrong", f"{name} should be of date type"
            raise refuse(400, self.error_code, name, code, message) from None
