"""A program of its own: PDF on standard input → its text on standard output, UTF-8.

A PDF from outside can be made to fill the memory or never to end. So it is read in a process that may be killed,
with limits the operating system keeps, and that shares nothing with the worker. Run by searching.text_of_pdf as a file;
imports nothing of ours.
"""

from __future__ import annotations

import contextlib
import io
import logging
import resource
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pypdf import PdfReader

MEMORY_BYTES = 1_000_000_000
CPU_SECONDS = 10
TEXT_CHARACTERS = 20_000_000
LOCKED, TOO_LONG, BROKEN = 3, 4, 5  # exit codes


def main() -> int:
    for kind, limit in ((resource.RLIMIT_CPU, CPU_SECONDS), (resource.RLIMIT_AS, MEMORY_BYTES)):
        with contextlib.suppress(OSError, ValueError):  # not every system has both; the caller's patience remains
            resource.setrlimit(kind, (limit, limit))
    logging.disable()
    content = sys.stdin.buffer.read()
    try:
        from pypdf import PdfReader  # noqa: PLC0415 - below the limits: reading it in costs memory too
        from pypdf.errors import DependencyError, FileNotDecryptedError  # noqa: PLC0415

        try:
            room = TEXT_CHARACTERS
            for text in _texts(PdfReader(io.BytesIO(content))):
                room -= len(text)
                if room < 0:
                    return TOO_LONG
                sys.stdout.buffer.write(text.encode("utf-8", "replace") + b"\0")
        except (FileNotDecryptedError, DependencyError):
            return LOCKED
    except Exception:  # noqa: BLE001 - hostile bytes fail in every way there is, MemoryError and RecursionError too
        return BROKEN
    return 0


def _texts(reader: PdfReader) -> Iterator[str]:
    """Pages, what is written on them afterwards, form fields, the document's properties."""
    for page in reader.pages:
        yield page.extract_text()
        for annotation in page.get("/Annots") or ():
            yield str(annotation.get_object().get("/Contents", ""))
    for field in (reader.get_fields() or {}).values():
        yield str(field.get("/V", ""))
    for value in (reader.metadata or {}).values():
        yield str(value)


if __name__ == "__main__":
    raise SystemExit(main())
