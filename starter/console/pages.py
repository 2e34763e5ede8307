"""Pages from templates. Every text is escaped, and characters that could deceive are replaced.

Both happen for every expression of every template, so no template can forget it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from domain.plain_text import plain_lines

TEMPLATES: Final = Path(__file__).parent / "templates"
_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR


class Pages:
    """Makes pages. One per process, since it keeps the compiled templates."""

    def __init__(self) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=_shown,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.filters |= {"moment": moment, "exactly": exactly, "age": age}

    def page(self, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """The page of one template."""
        return HTMLResponse(self._templates.get_template(template).render(values), status)


def _shown(value: Any) -> Any:
    """The value of an expression as it may be shown; Jinja escapes it after this."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return plain_lines(value)
    return value


def moment(at: datetime) -> str:
    """A moment to the minute."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def exactly(at: datetime) -> str:
    """A moment to the millisecond, without its zone, which is UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3]


def age(since: datetime, now: datetime) -> str:
    """The time from one moment to another in its two largest units, such as `2 d 4 h`."""
    seconds = max(0, int((now - since).total_seconds()))
    if seconds < _MINUTE:
        return f"{seconds} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min"
    if seconds < _DAY:
        return f"{seconds // _HOUR} h {seconds % _HOUR // _MINUTE} min"
    return f"{seconds // _DAY} d {seconds % _DAY // _HOUR} h"
