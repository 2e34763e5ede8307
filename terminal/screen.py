"""The screen that commands write to. What others said of themselves cannot command it.

Rich takes `[red]` in any string for a colour and passes escape sequences on. So everything of
`terminal/` is printed by this class: strings are text and no markup, and whatever a partner or a
file put into them is shown by `plain_lines`. Styles of our own are given as styles.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from domain.plain_text import plain, plain_lines


class Screen(Console):
    """Standard output, or standard error where the output is for machines."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Every piece of text on its way to the screen; control segments are Rich's own."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else plain_lines(text), style, control)


def say_wrong(screen: Screen, what: str, why: str = "") -> None:
    """What stands in the way, in red, and why, each in one line."""
    screen.print(Text.assemble((plain(what), "red"), f" {plain(why)}" if why else ""))
