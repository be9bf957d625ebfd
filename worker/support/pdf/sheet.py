"""A4 pages being laid out: marks in millimetres from the top left corner, a cursor that goes down, page breaks.

Pages are recorded and drawn at the end, when the number of pages is known. Where things may stand:
`norwegian-payments` facts §6: the C5 window, the machine zone at the left edge, 10 mm margins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal, cast

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from worker.support.pdf import lettering
from worker.support.pdf.lettering import POINT, Style

PAGE_WIDTH, PAGE_HEIGHT = 210.0, 297.0
LEFT, RIGHT = 20.0, 190.0  # the zone x 0-15 mm belongs to the print house's machines
WIDTH = RIGHT - LEFT
TOP, BOTTOM = 28.0, 276.5  # where text may stand on pages after the first; the footer is below
FOOTER = 284.0

Align = Literal["left", "right", "centre"]

BODY = Style(8.5)
BODY_BOLD = Style(8.5, bold=True)
SMALL = Style(7.5)
LABEL = Style(7.5, bold=True)
LEADING = 4.0  # mm between lines of BODY
SMALL_LEADING = 3.5


_INK, _GREY, _LINE, _WHITE = HexColor("#1b1f23"), HexColor("#5b6670"), HexColor("#c9d0d6"), HexColor("#ffffff")


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of a document: the client's accent and what is derived from it."""

    accent: Color
    tint: Color
    ink: Color = _INK
    grey: Color = _GREY
    line: Color = _LINE
    white: Color = _WHITE

    @classmethod
    def of(cls, accent: str) -> Palette:
        """The accent made dark enough to read on white (WCAG contrast 4.5), and a light tint for surfaces."""
        red, green, blue = (int(accent[i : i + 2], 16) / 255 for i in (1, 3, 5))
        while _contrast_to_white(red, green, blue) < 4.5:
            red, green, blue = red * 0.93, green * 0.93, blue * 0.93
        light = 0.08
        return cls(
            accent=Color(red, green, blue),
            tint=Color(*(1 - light * (1 - channel) for channel in (red, green, blue))),
        )


def _contrast_to_white(*channels: float) -> float:
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return 1.05 / (luminance + 0.05)


Mark = Callable[[Canvas], None]


@dataclass(frozen=True, slots=True)
class Row:
    """A piece that is never split: `height` in mm, and how to draw it with its top at y."""

    height: float
    draw: Callable[[float], None]


class Sheet:
    """The document being laid out. `y` is the cursor: mm from the top of the current page."""

    def __init__(self, palette: Palette, *, airiness: float = 1.0) -> None:
        """`airiness` below 1: less air between things, to keep a short document on one page."""
        self.palette = palette
        self.airiness = airiness
        self.pages: list[list[Mark]] = [[]]
        self.y = TOP
        self.at_new_page: Callable[[], None] = lambda: None

    # --- marks -----------------------------------------------------------------------------------

    def text(
        self, x: float, y: float, text: str, style: Style, *, align: Align = "left", colour: Color | None = None
    ) -> None:
        """One line with its baseline at y. `text` is already clean (lettering.clean, one_line or wrap)."""
        if not text:
            return
        pieces = lettering.runs(lettering.as_drawn(text), style)
        if align != "left":
            wide = sum(piece[2] for piece in pieces)
            x -= wide if align == "right" else wide / 2
        ink = colour or self.palette.ink
        self.pages[-1].append(lambda canvas: _draw_text(canvas, x, y, pieces, style, ink))

    def fitted(
        self, x: float, y: float, text: str, style: Style, limit: float, *, align: Align = "left",
        colour: Color | None = None,
    ) -> None:  # fmt: skip
        """One line, made smaller when it is wider than `limit`."""
        self.text(x, y, text, lettering.shrink(text, style, limit), align=align, colour=colour)

    def box(
        self, x: float, y: float, width: float, height: float, *, fill: Color | None = None,
        stroke: Color | None = None, line: float = 0.2,
    ) -> None:  # fmt: skip
        """A rectangle with its top left corner at (x, y); `line` in mm."""

        def mark(canvas: Canvas) -> None:
            if fill is not None:
                canvas.setFillColor(fill)
            if stroke is not None:
                canvas.setStrokeColor(stroke)
                canvas.setLineWidth(line / POINT)
            canvas.rect(
                x / POINT, (PAGE_HEIGHT - y - height) / POINT, width / POINT, height / POINT,
                stroke=stroke is not None, fill=fill is not None,
            )  # fmt: skip

        self.pages[-1].append(mark)

    def rule(self, y: float, *, x0: float = LEFT, x1: float = RIGHT, colour: Color | None = None,
             line: float = 0.2) -> None:  # fmt: skip
        """A horizontal line."""
        ink = colour or self.palette.line

        def mark(canvas: Canvas) -> None:
            canvas.setStrokeColor(ink)
            canvas.setLineWidth(line / POINT)
            canvas.line(x0 / POINT, (PAGE_HEIGHT - y) / POINT, x1 / POINT, (PAGE_HEIGHT - y) / POINT)

        self.pages[-1].append(mark)

    def image(self, x: float, y: float, width: float, height: float, image: ImageReader) -> None:
        """A picture with its top left corner at (x, y), scaled into the frame without distortion, left and centred."""

        def mark(canvas: Canvas) -> None:
            canvas.drawImage(
                image, x / POINT, (PAGE_HEIGHT - y - height) / POINT, width / POINT, height / POINT,
                mask="auto", preserveAspectRatio=True, anchor="w",
            )  # fmt: skip

        self.pages[-1].append(mark)

    # --- flow ------------------------------------------------------------------------------------

    def air(self, height: float) -> float:
        """Empty space of usually `height` mm."""
        return height * self.airiness

    @property
    def leading(self) -> float:
        """mm between lines of BODY."""
        return LEADING - 0.5 * (1 - self.airiness)

    @property
    def room(self) -> float:
        """What is left of the current page, in mm."""
        return BOTTOM - self.y

    def new_page(self) -> None:
        """Ends the page; the cursor stands below what `at_new_page` draws at the head of the next."""
        self.pages.append([])
        self.y = TOP
        self.at_new_page()

    def keep(self, height: float) -> None:
        """Goes to a new page when `height` does not fit here but does there."""
        if height > self.room and height <= BOTTOM - TOP:
            self.new_page()

    def rows(self, rows: Iterable[Row]) -> None:
        """Draws rows downwards, with page breaks between them."""
        for row in rows:
            if row.height > self.room:
                self.new_page()
            row.draw(self.y)
            self.y += row.height

    def columns(self, columns: Sequence[Sequence[Row]], *, together: bool = True) -> None:
        """Columns of rows side by side. Kept on one page when one page can hold them; else each goes on overleaf."""
        if together:
            self.keep(max((sum(row.height for row in column) for column in columns), default=0))
        places = [0] * len(columns)
        while True:
            top = lowest = self.y
            for number, column in enumerate(columns):
                y = top
                while places[number] < len(column) and column[places[number]].height <= BOTTOM - y:
                    row = column[places[number]]
                    row.draw(y)
                    y += row.height
                    places[number] += 1
                lowest = max(lowest, y)
            self.y = lowest
            if all(place == len(column) for place, column in zip(places, columns, strict=True)):
                return
            self.new_page()

    def text_rows(
        self, x: float, text: str, style: Style, limit: float, *, leading: float, colour: Color | None = None
    ) -> list[Row]:
        """A wrapped text as rows of one line each."""
        return [
            Row(leading, lambda y, line=line: self.text(x, y + leading * 0.76, line, style, colour=colour))
            for line in lettering.wrap(text, style, limit)
        ]

    # --- the end ---------------------------------------------------------------------------------

    def render(self, *, title: str, author: str, language: str, foot: Callable[[int, int], None]) -> bytes:
        """The PDF. `foot(page, pages)` draws each page's foot with this sheet's own marks."""
        total = len(self.pages)
        finished = self.pages
        with lettering.LOCK:
            buffer = BytesIO()
            canvas = Canvas(
                buffer, pagesize=(PAGE_WIDTH / POINT, PAGE_HEIGHT / POINT), pageCompression=1, invariant=1,
                lang=language, initialFontName=cast(Any, lettering.REGULAR), initialFontSize=8,
            )  # fmt: skip
            canvas.setTitle(title)
            canvas.setAuthor(author)
            canvas.setSubject(title)
            canvas.setCreator("factoring-worker")
            for number, marks in enumerate(finished, start=1):
                self.pages = [marks]
                foot(number, total)
                for mark in marks:
                    mark(canvas)
                canvas.showPage()
            canvas.save()
        return buffer.getvalue()


def _draw_text(
    canvas: Canvas, x: float, y: float, pieces: list[tuple[str, str, float]], style: Style, ink: Color
) -> None:
    canvas.setFillColor(ink)
    for font, piece, wide in pieces:
        canvas.setFont(font, style.size)
        canvas.drawString(x / POINT, (PAGE_HEIGHT - y) / POINT, piece)
        x += wide
