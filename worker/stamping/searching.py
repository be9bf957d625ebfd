"""The text of an embedded file, as far as a program can read it: to hunt old accounts in.

Text in every encoding ERPs write, PDF (text_of_pdf.py), spreadsheets (xlsx, ods: XML in a zip). Pictures, scanned
pages among them, cannot be searched and are let through: no program here reads pictures. A file of a kind that can be
searched but is locked, broken or beyond the limits raises Unsearchable: it may hold anything.
"""

from __future__ import annotations

import hashlib
import html
import io
import re
import subprocess
import sys
import threading
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Final

from worker.stamping import text_of_pdf as program

_PDF_SECONDS: Final = 15.0
_ZIP_BYTES: Final = 60_000_000  # unpacked, all parts together
_ZIP_PARTS: Final = 5_000
_ZIP_RATIO: Final = 200  # an honest spreadsheet's XML shrinks to a tenth, hardly to a fiftieth
_PICTURES: Final = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\x00", b"MM\x00*")
_LOCKED: Final = 0x1
# Tags inside one piece of running text: what stands around them is read as one. Others separate.
_RUNNING: Final = re.compile(
    r"</?(?:[A-Za-z]+:)?(?:r|t|rPr|sz|b|i|u|color|rFont|family|scheme|charset|vertAlign|strike|span|a|s|tab)\b[^<>]*>"
)
_TAG: Final = re.compile(r"<[^<>]*>")
_READ_PARTS: Final = (".xml", ".rels", ".vml", ".txt", ".csv", ".htm", ".html")


class Unsearchable(ValueError):
    """The file cannot be searched. The message says why, never what is in it."""


def searchable_text(content: bytes, mime_code: str) -> str:
    """Everything readable, pieces that do not belong together parted by NUL. Raises Unsearchable."""
    if content.startswith(_PICTURES):
        return ""
    if mime_code == "application/pdf" or b"%PDF" in content[:1024]:
        return content.decode("latin-1") + "\x00" + _remembered(content, text_of_pdf)
    if content.startswith(b"PK") or "spreadsheet" in mime_code:
        return _remembered(content, text_of_zip)
    return text_of_bytes(content)


def text_of_bytes(content: bytes) -> str:
    """Text of unknown encoding: as UTF-8, else Latin-1, and as UTF-16 where it may be that."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    if "\x00" in text:  # UTF-16 without its mark
        return "\x00".join((text, content.decode("utf-16-le", "replace"), content.decode("utf-16-be", "replace")))
    return text


def text_of_pdf(content: bytes) -> str:
    """By a process of its own with limits on time and memory. Raises Unsearchable."""
    try:
        done = subprocess.run(  # noqa: S603 - our own program, nothing of it from outside
            [sys.executable, "-I", str(Path(program.__file__))],
            input=content, capture_output=True, timeout=_PDF_SECONDS, check=False, env={},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Unsearchable("a PDF takes too long to read") from None
    if done.returncode == 0:
        return done.stdout.decode("utf-8")
    words = {program.LOCKED: "a PDF is locked with a password", program.TOO_LONG: "a PDF is too long"}
    raise Unsearchable(words.get(done.returncode, "a PDF is broken or cannot be read within its limits"))


def text_of_zip(content: bytes) -> str:
    """Every XML part of a spreadsheet: as it stands, and with the tags of running text taken out. Raises Unsearchable
    for bombs, locked and broken files. Sizes stated in the file are not trusted."""
    texts: list[str] = []
    room = min(_ZIP_BYTES, max(1_000_000, len(content) * _ZIP_RATIO))
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            if len(parts.infolist()) > _ZIP_PARTS:
                raise Unsearchable("a spreadsheet has too many parts")
            for part in parts.infolist():
                if part.flag_bits & _LOCKED:
                    raise Unsearchable("a spreadsheet is locked with a password")
                if not part.filename.lower().endswith(_READ_PARTS):
                    continue
                with parts.open(part) as stream:
                    unpacked = stream.read(room + 1)
                room -= len(unpacked)
                if room < 0:
                    raise Unsearchable("a spreadsheet is too large when unpacked")
                raw = text_of_bytes(unpacked)
                texts += (raw, html.unescape(_TAG.sub("\x00", _RUNNING.sub("", raw))))
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError) as error:
        if isinstance(error, Unsearchable):
            raise
        raise Unsearchable("a spreadsheet is broken") from None
    return "\x00".join(texts)


# Stamping and its proof look at the same files several times over; reading a PDF costs a process.
_REMEMBERED: Final = 8
_known: OrderedDict[tuple[str, bytes], str | Unsearchable] = OrderedDict()
_lock = threading.Lock()


def _remembered(content: bytes, reader: Callable[[bytes], str]) -> str:
    key = (reader.__name__, hashlib.sha256(content).digest())
    with _lock:
        found = _known.get(key)
    if found is None:
        try:
            found = reader(content)
        except Unsearchable as error:
            found = error
        with _lock:
            _known[key] = found
            while len(_known) > _REMEMBERED:
                _known.popitem(last=False)
    if isinstance(found, Unsearchable):
        raise Unsearchable(str(found))
    return found
