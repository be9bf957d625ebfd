"""Which of the formats a file is in, told by its content alone: names and endings differ from bank to bank."""

from __future__ import annotations

import re
from typing import Final

from worker.model.settlement import FileRefused, SourceFormat

# 100,000 transactions are 16 MB of OCR giro and some 80 MB of camt.054.
MAX_BYTES: Final = 250_000_000
_BOM: Final = b"\xef\xbb\xbf"
_HTML: Final = re.compile(rb"<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_OTHERS: Final = (
    (b"%PDF", "this is a PDF: the worker needs the bank's data file, not its printout"),
    (b"PK\x03\x04", "this is a packed file or a spreadsheet: unpack it, or order the bank's data file"),
    (b"\x1f\x8b", "this is a packed file: unpack it"),
    (b"\xff\xfe", "the file is in UTF-16: somebody has saved it anew; take the bank's own file"),
    (b"\xfe\xff", "the file is in UTF-16: somebody has saved it anew; take the bank's own file"),
)


def recognise(content: bytes) -> SourceFormat:
    """The format that the file claims to be in. Raises FileRefused when it is none of ours, empty or too large."""
    if len(content) > MAX_BYTES:
        raise FileRefused(f"the file is larger than {MAX_BYTES // 1_000_000} MB")
    for beginning, message in _OTHERS:
        if content.startswith(beginning):
            raise FileRefused(message, line="1")
    start = content[:2000].removeprefix(_BOM).lstrip()
    if not start.strip(b"\x1a \t\r\n\x00"):
        raise FileRefused("the file is empty")
    if start.startswith(b"NY"):
        return SourceFormat.OCR_GIRO
    if start.startswith(b"{"):
        return SourceFormat.LEDGER_FEED
    if _HTML.match(start):
        raise FileRefused("this is a web page: the download failed, or a log-in was asked for", line="1")
    if start.startswith(b"<"):
        return SourceFormat.CAMT_054
    raise FileRefused("the file is neither OCR giro, camt.054 nor a ledger feed", line="1")
