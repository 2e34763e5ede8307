"""The screen that commands print to. Text from partners and files cannot control it.

Rich reads `[red]` in any string as a colour and passes escape sequences on. So all of `terminal/`
prints through this class: strings are text, never markup, and control characters in them are
replaced (`plain_lines`). Our own styles are passed as styles.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from domain.plain_text import plain, plain_lines


class Screen(Console):
    """A console on stdout, or on stderr if stdout carries JSON."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Clean every piece of text on its way to the screen; control segments are Rich's own."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else plain_lines(text), style, control)


def say_wrong(screen: Screen, what: str, why: str = "") -> None:
    """Print a problem in red and its reason in one line."""
    screen.print(Text.assemble((plain(what), "red"), f" {plain(why)}" if why else ""))
