"""The address in the envelope's window: C5, x 20-100 mm, y 45-65 mm (facts on print and mail; Posten: 10 pt, no empty
lines)."""

from __future__ import annotations

from collections.abc import Sequence

from worker.support.pdf import lettering
from worker.support.pdf.lettering import Style
from worker.support.pdf.sheet import LEFT, Sheet

WINDOW_TOP, WINDOW_HEIGHT, WINDOW_WIDTH = 45.0, 20.0, 80.0
RETURN_BASELINE = 43.0


class DoesNotFit(ValueError):
    """Names which address; holds none of it."""


def address_lines(lines: Sequence[str]) -> tuple[list[str], Style, float]:
    """The lines as they stand in the window, their style, and mm between them: 10 pt, smaller only when they would not
    fit. Raises DoesNotFit."""
    size = 10.0
    while True:
        style, leading = Style(size), size * 0.4
        wrapped = [part for line in lines for part in lettering.wrap(line, style, WINDOW_WIDTH)]
        if len(wrapped) * leading <= WINDOW_HEIGHT:
            return wrapped, style, leading
        size -= 0.5
        if size < 5:
            raise DoesNotFit("the recipient's address does not fit the window")


def draw_window(sheet: Sheet, *, recipient: Sequence[str], return_address: str) -> None:
    """The recipient inside the window whatever its length, the return address on a line above. Raises DoesNotFit."""
    lines, style, leading = address_lines(recipient)
    for number, line in enumerate(lines):
        sheet.text(LEFT, WINDOW_TOP + leading * (number + 0.8), line, style)
    home = lettering.one_line(return_address)
    style = lettering.shrink(home, Style(7), 98)
    if style.size < 4:
        raise DoesNotFit("the return address does not fit on one line")
    sheet.text(LEFT, RETURN_BASELINE, home, style, colour=sheet.palette.grey)
