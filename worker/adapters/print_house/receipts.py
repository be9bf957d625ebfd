"""Receipt files as the print house writes them (docs/print-manifest.md): JSON Lines, or one JSON object. Pure.

Whatever is in them, reading ends: the size is capped before, the lines are capped here, and one bad line costs itself.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime
from typing import cast

import orjson

from worker.model.letter import LetterReceipt, ReceiptFile, ReceiptStatus
from worker.model.remote_file import RemoteFile

SCHEMA = "factoring-worker/print-receipt"
SCHEMA_VERSION = 1
MAX_BYTES = 4 * 2**20
MAX_LINES = 20_000
MAX_FAULTS = 20

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\s]+")
_JOB = re.compile(r"[0-9A-Za-z_-][0-9A-Za-z._-]{0,99}")


class _Fault(Exception):
    """What is wrong with a receipt, in our words."""


def offered(name: str) -> bool:
    """Whether the file is one to be read: not hidden, not still being written."""
    return not name.startswith(".") and name.lower().endswith((".json", ".jsonl"))


def read(name: str, content: bytes) -> ReceiptFile:
    """The file's receipts, and what in it is none."""
    receipts: list[LetterReceipt] = []
    faults: list[str] = []
    for where, line in _parts(content):
        if where > MAX_LINES:
            faults.append(f"more than {MAX_LINES} lines")
            break
        try:
            receipts.append(_receipt(line))
        except _Fault as fault:
            faults.append(f"line {where}: {fault}")
    if not receipts and not faults:
        faults.append("it is empty")
    if len(faults) > MAX_FAULTS:
        faults[MAX_FAULTS:] = [f"and {len(faults) - MAX_FAULTS} more"]
    sha256 = hashlib.sha256(content).hexdigest()
    return ReceiptFile(name=name, sha256=sha256, receipts=tuple(receipts), faults=tuple(faults))


def unread(file: RemoteFile, fault: str) -> ReceiptFile:
    """A file nobody looks into."""
    listed = hashlib.sha256(f"{file.name}|{file.size}|{file.changed}".encode(errors="surrogateescape")).hexdigest()
    return ReceiptFile(name=file.name, sha256=listed, faults=(fault,))


def _parts(content: bytes) -> Iterator[tuple[int, bytes]]:
    content = content.removeprefix(b"\xef\xbb\xbf")
    if _is_object(content):  # one receipt, on as many lines as it likes
        yield 1, content
        return
    for number, line in enumerate(content.split(b"\n"), 1):
        if line.strip():
            yield number, line


def _is_object(content: bytes) -> bool:
    try:
        return isinstance(orjson.loads(content), dict)
    except orjson.JSONDecodeError:
        return False


def _receipt(line: bytes) -> LetterReceipt:
    try:
        found = cast("object", orjson.loads(line))
    except orjson.JSONDecodeError:
        raise _Fault("not JSON") from None
    if not isinstance(found, dict):
        raise _Fault("not a JSON object")
    fields = cast("dict[str, object]", found)
    if fields.get("schema") != SCHEMA or fields.get("schema_version") != SCHEMA_VERSION:
        raise _Fault(f"schema is not {SCHEMA} version {SCHEMA_VERSION}")
    job = fields.get("job_id")
    if not isinstance(job, str) or not _JOB.fullmatch(job):
        raise _Fault("job_id is none")
    status = fields.get("status")
    if not isinstance(status, str) or status not in set(ReceiptStatus):
        raise _Fault("status is in no list")
    client = fields.get("client", "")
    if not isinstance(client, str):
        raise _Fault("client is no text")
    return LetterReceipt(
        job=job,
        status=ReceiptStatus(status),
        at=_instant(fields.get("at")),
        client=client[:100],
        words=_words(fields.get("reason", "")),
    )


def _instant(value: object) -> datetime:
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        instant = None
    if instant is None or instant.utcoffset() is None or not 2000 < instant.year < 3000:
        raise _Fault("at is no instant with offset")
    return instant


def _words(value: object) -> str:
    """The reason as one line; it ends up in front of people."""
    if not isinstance(value, str):
        raise _Fault("reason is no text")
    return _CONTROL.sub(" ", value[:2000]).strip()[:200]
