"""Letters: the embedded fonts, which font has which letter, how wide a text is and where it breaks.

Client text is never markup here: it is cleaned, measured and drawn letter by letter.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

REGULAR, BOLD, FALLBACK = "LiberationSans", "LiberationSans-Bold", "DejaVuSans"
_FILES = {
    REGULAR: "LiberationSans-Regular.ttf",
    BOLD: "LiberationSans-Bold.ttf",
    FALLBACK: "DejaVuSans.ttf",
}
_FOLDER = Path(__file__).parent / "fonts"

POINT = 25.4 / 72  # mm
REPLACEMENT = "\ufffd"  # what a letter no font has becomes: seen, not lost

# The font objects keep a read position while a subset is written, so documents are finished one at a time.
LOCK = threading.Lock()


@dataclass(frozen=True, slots=True)
class Style:
    """Size in points, and weight."""

    size: float
    bold: bool = False

    def at(self, size: float) -> Style:
        return Style(size, self.bold)


class _Widths(dict[str, tuple[str, int]]):
    """letter -> (font that has it, advance in 1/1000 em). Filled as letters are met."""

    def __init__(self, main: str) -> None:
        super().__init__()
        self._tables = [(name, _char_widths(name)) for name in (main, FALLBACK)]

    def __missing__(self, letter: str) -> tuple[str, int]:
        code = ord(letter)
        for name, table in self._tables:
            if code in table:
                entry = (name, round(table[code]))
                break
        else:
            entry = self[REPLACEMENT]
        self[letter] = entry
        return entry

    def has(self, letter: str) -> bool:
        return any(ord(letter) in table for _, table in self._tables)


def _char_widths(name: str) -> dict[int, float]:
    font: Any = pdfmetrics.getFont(name)
    return font.face.charWidths


_widths: dict[bool, _Widths] = {}


def load() -> None:
    """Registers the fonts, once. Raises OSError when the package is incomplete."""
    if _widths:
        return
    with LOCK:
        if _widths:
            return
        for name, file in _FILES.items():
            pdfmetrics.registerFont(TTFont(name, str(_FOLDER / file)))
        tables = {bold: _Widths(BOLD if bold else REGULAR) for bold in (True, False)}
        _widths.update(tables)


# Invisible letters that steer direction or joining. An override could make an account number read backwards.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\ufe00-\ufe0f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
_BLANK = re.compile("[\t\u1680\u2000-\u200a\u205f\u3000]")
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def clean(text: str) -> str:
    """The text as it can be drawn: composed letters, `\\n` as the one line break, nothing invisible or steering.

    A letter no embedded font has becomes REPLACEMENT, so that a person sees that something stood there.
    """
    if text.isascii() and text.isprintable():
        return text
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = re.sub("[\u0085\u2028\u2029\x0b\x0c]", "\n", text)
    text = _CONTROL.sub(" ", _BLANK.sub(" ", _INVISIBLE.sub("", text))).replace("\u202f", "\u00a0")
    if _ASTRAL.search(text):
        text = _ASTRAL.sub(_within_plane, text)
    if _ARABIC.search(text):
        text = _joined(text)
    known = _widths[False]
    return "".join(c if c == "\n" or known.has(c) else REPLACEMENT for c in text)


# ReportLab writes broken Unicode maps for code points above U+FFFF: what cannot be copied rightly is not drawn as if it
# could. Mathematical letters and the like have a plain form.
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")


def _within_plane(found: re.Match[str]) -> str:
    plain = unicodedata.normalize("NFKC", found[0])
    return REPLACEMENT if _ASTRAL.search(plain) else plain


_ARABIC = re.compile("[\u0621-\u06d3]")


@cache
def _arabic_forms() -> dict[tuple[str, str], str]:
    """(position, letter or lam-alef pair) -> the letter's shape there, from Unicode's own decompositions."""
    forms: dict[tuple[str, str], str] = {}
    for code in (*range(0xFB50, 0xFBFF), *range(0xFE80, 0xFEFD)):
        position, *letters = unicodedata.decomposition(chr(code)).split() or [""]
        if position and len(letters) <= 2:
            forms.setdefault((position.strip("<>"), "".join(chr(int(c, 16)) for c in letters)), chr(code))
    return forms


def _joined(text: str) -> str:
    """Arabic letters in the shape their neighbours give them; without it a name is a row of loose letters."""
    forms = _arabic_forms()
    for pair in {found for _, found in forms if len(found) == 2 and found[0] == "\u0644"}:
        text = text.replace(pair, forms[("isolated", pair)])
    bases = {shape: base for (place, base), shape in forms.items() if place == "isolated" and len(base) == 2}

    def joins_next(letter: str) -> bool:
        return letter == "\u0640" or ("initial", letter) in forms

    def joins_previous(letter: str) -> bool:
        return letter == "\u0640" or ("final", bases.get(letter, letter)) in forms

    out: list[str] = []
    letters = [c for c in text if unicodedata.category(c) != "Mn"]
    place = 0
    for letter in text:
        if unicodedata.category(letter) == "Mn":
            out.append(letter)
            continue
        before = place > 0 and joins_next(letters[place - 1]) and joins_previous(letter)
        after = place + 1 < len(letters) and joins_next(letter) and joins_previous(letters[place + 1])
        position = {(True, True): "medial", (True, False): "final", (False, True): "initial"}.get(
            (before, after), "isolated"
        )
        out.append(forms.get((position, bases.get(letter, letter)), letter))
        place += 1
    return "".join(out)


def one_line(text: str) -> str:
    """Cleaned, with every run of blanks and line breaks as one blank. No-break spaces stay."""
    return re.sub("[ \n]+", " ", clean(text)).strip(" ")


def width(text: str, style: Style) -> float:
    """In mm."""
    table = _widths[style.bold]
    return sum(table[c][1] for c in text) * style.size * POINT / 1000


def runs(text: str, style: Style) -> list[tuple[str, str, float]]:
    """The text as pieces of one font each: (font name, piece, width in mm), left to right as drawn."""
    table = _widths[style.bold]
    scale = style.size * POINT / 1000
    pieces: list[tuple[str, str, float]] = []
    font, start, advance = "", 0, 0
    for position, letter in enumerate(text):
        name, units = table[letter]
        if name != font:
            if position > start:
                pieces.append((font, text[start:position], advance * scale))
            font, start, advance = name, position, 0
        advance += units
    if len(text) > start:
        pieces.append((font, text[start:], advance * scale))
    return pieces


def wrap(text: str, style: Style, limit: float) -> list[str]:
    """Lines no wider than `limit` mm. Breaks at blanks, and inside a word only when the word alone is too wide.

    Every letter of the text is in the lines. An empty text gives no lines.
    """
    lines: list[str] = []
    for paragraph in clean(text).split("\n"):
        words = [w for w in paragraph.split(" ") if w]
        if words:
            lines.extend(_wrap_words(words, style, limit))
    return lines


def _wrap_words(words: list[str], style: Style, limit: float) -> list[str]:
    table = _widths[style.bold]
    units = limit / (style.size * POINT / 1000) + 0.5
    blank = table[" "][1]
    lines: list[str] = []
    line: list[str] = []
    used = 0.0
    for word in words:
        advance = sum(table[c][1] for c in word)
        if line and used + blank + advance <= units:
            line.append(word)
            used += blank + advance
            continue
        if line:
            lines.append(" ".join(line))
        rest = word
        if advance > units:
            *whole, rest = _split_word(word, table, units)
            lines.extend(whole)
        line, used = [rest], float(sum(table[c][1] for c in rest))
    lines.append(" ".join(line))
    return lines


def _split_word(word: str, table: _Widths, units: float) -> list[str]:
    parts: list[str] = []
    start, used = 0, 0
    for position, letter in enumerate(word):
        advance = table[letter][1]
        if position > start and used + advance > units:
            # Better after a hyphen or the like, when one stands in the line's last third.
            third = start + (position - start) * 2 // 3
            seam = next((p for p in range(position, third, -1) if word[p - 1] in "-–/_.@,;:"), position)
            parts.append(word[start:seam])
            start, used = seam, sum(table[c][1] for c in word[seam:position])
        used += advance
    parts.append(word[start:])
    return parts


def shrink(text: str, style: Style, limit: float) -> Style:
    """The style, made smaller when the one line is wider than `limit` mm."""
    wide = width(text, style)
    return style if wide <= limit else style.at(style.size * limit / wide)


_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_DIGITS, _MARKS = "0-9\u0660-\u0669\u06f0-\u06f9", "\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u064b-\u065f"
_UNITS = re.compile(f"[{_DIGITS}][{_DIGITS}.,:/-]*|[^{_MARKS}][{_MARKS}]*|[{_MARKS}]+")
_MIRROR = str.maketrans("()[]{}<>«»", ")(][}{><»«")


def as_drawn(text: str) -> str:
    """A line with its right-to-left words turned round, so that Hebrew and Arabic read as their writers mean.

    The line's own direction stays left to right; numbers inside stay as they are. A small part of the Unicode
    bidirectional algorithm: enough for a name or an address among Norwegian text.
    """
    if not _RIGHT_TO_LEFT.search(text):
        return text
    first = last = -1
    out: list[str] = []
    neutral_from = 0
    for position, letter in enumerate(text):
        kind = unicodedata.bidirectional(letter)
        if kind in ("R", "AL", "NSM") and (kind != "NSM" or first >= 0):
            if first < 0:
                out.append(text[neutral_from:position])
                first = position
            last = position + 1
        elif kind == "L" and first >= 0:
            out.append(_turned(text[first:last]))
            neutral_from, first = last, -1
    if first >= 0:
        out.append(_turned(text[first:last]))
        neutral_from = last
    out.append(text[neutral_from:])
    return "".join(out)


def _turned(run: str) -> str:
    """Letters with their marks reversed; digit groups kept."""
    units = _UNITS.findall(run)
    return "".join(unit if unit[0].isdigit() else unit[0].translate(_MIRROR) + unit[1:] for unit in reversed(units))
