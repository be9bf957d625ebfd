"""Documents in a local folder: `ab/cd/<sha256>`."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from worker.ports import DocumentLost, StoredDocument
from worker.support import files

_SHA256 = re.compile(r"[0-9a-f]{64}")
# Invoices hold personal data: readable by the worker and its group, nobody else.
_MODE = 0o640
_MARKS = "marks"


class FolderDocumentStore:
    """Implements ports.DocumentStore. `root` is made at the first document."""

    def __init__(self, root: Path) -> None:
        self._root = Path(root)

    def put(self, *, content: bytes) -> str:
        """The content's SHA-256; durable when it returns. A file whose bytes have rotted is mended. Raises OSError."""
        sha256 = hashlib.sha256(content).hexdigest()
        path = self._path(sha256)
        if _read(path) == content:
            os.utime(path)  # the sweep sees that it is wanted again
            return sha256
        files.make_folder(path.parent)
        files.replace(path, content, mode=_MODE)
        return sha256

    def get(self, *, sha256: str) -> bytes:
        """The document's bytes, checked against their hash. Raises DocumentLost."""
        if not _SHA256.fullmatch(sha256):
            raise DocumentLost("not a SHA-256")
        content = _read(self._path(sha256))
        if content is None:
            raise DocumentLost(f"document {sha256} is not in the store")
        if hashlib.sha256(content).hexdigest() != sha256:
            raise DocumentLost(f"document {sha256}: its bytes no longer match their hash")
        return content

    def documents(self) -> Iterator[StoredDocument]:
        """Everything there that is named like a document and lies where it belongs. Raises OSError."""
        for path in self._root.glob("??/??/*"):
            if _SHA256.fullmatch(path.name) and path == self._path(path.name):
                try:
                    found = path.stat()
                except FileNotFoundError:
                    continue  # removed this very moment
                yield StoredDocument(path.name, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    def remove(self, *, sha256: str) -> None:
        """Gone when it returns; one that is not there is no error. Raises OSError."""
        if _SHA256.fullmatch(sha256):
            self._path(sha256).unlink(missing_ok=True)

    def mark(self, *, name: str, content: bytes) -> bytes | None:
        """None: the mark is now there. Otherwise what the mark there says. Raises OSError, ValueError (no SHA-256)."""
        if not _SHA256.fullmatch(name):
            raise ValueError("a mark is named by a SHA-256")
        path = self._root / _MARKS / name[:2] / name
        files.make_folder(path.parent)
        try:
            files.create(path, content, mode=_MODE)
        except FileExistsError:
            return path.read_bytes()
        return None

    def _path(self, sha256: str) -> Path:
        return self._root / sha256[:2] / sha256[2:4] / sha256


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
