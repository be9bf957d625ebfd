"""Files that are there whole or not at all, also after a power cut.

Write to a neighbouring temporary file, fsync it, give it its name, fsync the folder.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
from pathlib import Path
from typing import cast

import orjson

from worker.support import crashing

# Shared folders (SMB, some container volumes) have no hard links; there a rename after a check has to do.
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV})
_UNSAFE = re.compile(r"[^0-9A-Za-zÆØÅæøå._-]")


def sync_folder(folder: Path) -> None:
    """Makes the folder's names durable. A file system that cannot (some network shares) is left as it is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Makes the folder and every missing one above it, durably."""
    missing: list[Path] = []
    step = folder
    while not step.exists():
        missing.append(step)
        step = step.parent
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        sync_folder(path.parent)


def write_part(part: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Writes a temporary file to the disk (fsync), checks its size. Raises OSError; a half-written file is removed."""
    try:
        crashing.caller_point("before_writing")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if part.stat().st_size != len(content):
            raise OSError(errno.EIO, "the file has another size than what was written", str(part))
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def publish(part: Path, path: Path) -> None:
    """Gives a written temporary file its final name, durably. Raises FileExistsError when the name is taken."""
    crashing.caller_point("written")
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if path.exists():
            raise FileExistsError(errno.EEXIST, "the name is taken", str(path)) from None
        part.rename(path)
    else:
        crashing.caller_point("linked")
        part.unlink()
    sync_folder(path.parent)
    crashing.caller_point("named")


def create(path: Path, content: bytes, *, part: Path | None = None, mode: int = 0o666) -> None:
    """Creates the file with this content. Raises FileExistsError when the name is taken, OSError when it cannot.

    `part` is the temporary file's name where the reader expects a certain one; else it is unique, so two writers never
    meet in it.
    """
    temporary = part or _temporary(path)
    write_part(temporary, content, mode=mode)
    try:
        publish(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def replace(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Writes the file whether or not it exists; a reader sees the old content or the new, never between."""
    temporary = _temporary(path)
    write_part(temporary, content, mode=mode)
    crashing.caller_point("written")
    try:
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)
    crashing.caller_point("named")


def move_aside(path: Path, into: str, *, reason: str = "") -> None:
    """Moves the file into the folder `into` beside it, made if missing, under its own name, or with a number when that
    is taken there. With `reason` beside it, as `<name>.reason.txt`. Gone already is done. Raises OSError."""
    folder = path.parent / into
    folder.mkdir(exist_ok=True)
    target, number = folder / path.name, 1
    while target.exists():
        target = folder / f"{path.name}.{number}"
        number += 1
    try:
        path.rename(target)
    except FileNotFoundError:
        return  # another worker has moved it
    if reason:
        target.with_name(f"{target.name}.reason.txt").write_text(reason, encoding="utf-8")


def why_not_writable(folder: Path) -> str:
    """Why nothing can be written into the folder; empty when it can, or when it can be made. Leaves nothing behind."""
    try:
        if folder.is_dir():
            trial = folder / f".doctor-{secrets.token_hex(6)}"
            write_part(trial, b"", mode=0o600)
            trial.unlink()
            return ""
        above = next(path for path in folder.absolute().parents if path.exists())
    except OSError as error:
        return f"cannot be written to ({error.strerror or type(error).__name__})"
    if folder.exists() or not above.is_dir():
        return "is not a folder"
    return "" if os.access(above, os.W_OK | os.X_OK) else "is not there, and cannot be made"


def same_json(one: bytes, other: bytes, *, apart_from: str) -> bool:
    """Whether two JSON objects say the same but for the field `apart_from`. What is no JSON is compared as bytes."""
    return _object(one, apart_from) == _object(other, apart_from)


def safe_name(text: str, *, longest: int = 80) -> str:
    """The text as one part of a file name: letters, digits, `.`, `_`, `-`.

    A text that had to be changed gets a short hash of itself, so that two different texts never share a name.
    """
    name = _UNSAFE.sub("_", text)[:longest].lstrip(".") or "_"
    if name == text:
        return name
    return f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _object(content: bytes, apart_from: str) -> object:
    try:
        document = cast("object", orjson.loads(content))
    except orjson.JSONDecodeError:
        return content
    if isinstance(document, dict):
        return {key: value for key, value in cast("dict[str, object]", document).items() if key != apart_from}
    return document


def _temporary(path: Path) -> Path:
    # Dot first: readers that list the folder by a pattern do not see it.
    return path.with_name(f".{path.name[:100]}.{secrets.token_hex(6)}.part")
