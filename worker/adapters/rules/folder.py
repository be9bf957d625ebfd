"""The folder of rules and its manifest (docs/rules.md).

Each set of rules lies in `<name>/<version>/`. The manifest says which files it consists of, their SHA-256, and from
which day it applies; a version ends where the next one begins.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Annotated, Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from worker.model.document import Kind
from worker.model.ehf import CREDIT_NOTE_NS, INVOICE_NS
from worker.ports import RulesUnavailable
from worker.support import files

MANIFEST: Final = "manifest.json"
SCHEMA: Final = "factoring-worker/rules"
SCHEMA_VERSION: Final = 1


class RulesKind(StrEnum):
    XSD = "xsd"
    XSLT = "xslt"


# In the order they are applied: what breaks the schema is not looked at further.
SETS: Final[dict[str, RulesKind]] = {
    "ubl-xsd": RulesKind.XSD,
    "en16931-ubl": RulesKind.XSLT,
    "peppol-bis-billing": RulesKind.XSLT,
}
_ENDINGS: Final = {RulesKind.XSD: {".xsd"}, RulesKind.XSLT: {".xslt", ".xsl"}}
_NAMESPACES: Final = {Kind.INVOICE: INVOICE_NS, Kind.CREDIT_NOTE: CREDIT_NOTE_NS}
_TARGET: Final = re.compile(rb"""<(?:\w+:)?schema\b[^>]*?\btargetNamespace\s*=\s*["']([^"']+)["']""")

_Word = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z._-]{0,59}$")]
_Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_STRICT = ConfigDict(extra="forbid", frozen=True)


class Rules(BaseModel):
    """One version of one set. `files`: where the rules begin, by kind of document. `sha256`: every file by its path
    in the folder. `valid_to`: the last day, only when it ends before the next version begins."""

    model_config = _STRICT

    name: _Word
    version: _Word
    kind: RulesKind
    files: dict[Kind, str]
    sha256: dict[str, _Hash]
    valid_from: date
    valid_to: date | None = None

    @property
    def id(self) -> str:
        return f"{self.name}/{self.version}"


class _Manifest(BaseModel):
    model_config = _STRICT

    schema_: Literal["factoring-worker/rules"] = Field(alias="schema")
    schema_version: Literal[1]
    sets: tuple[Rules, ...]


@dataclass(frozen=True, slots=True)
class RulesFolder:
    """A folder whose manifest is sound. The files themselves are verified when they are used."""

    root: Path
    sets: tuple[Rules, ...]

    def in_force(self, on: date) -> tuple[Rules, ...]:
        """The version of each set that applies on that day, in the order they are applied.

        Raises RulesUnavailable when a set has none: a document must not slip through unchecked.
        """
        return tuple(self._version(name, on) for name in sorted({rules.name for rules in self.sets}, key=_rank))

    def _version(self, name: str, on: date) -> Rules:
        begun = [rules for rules in self.sets if rules.name == name and rules.valid_from <= on]
        latest = max(begun, key=lambda rules: rules.valid_from, default=None)
        if latest is None or (latest.valid_to is not None and latest.valid_to < on):
            raise RulesUnavailable(f"{self.root / MANIFEST}: no version of {name} applies on {on}")
        return latest


def read_folder(root: Path) -> RulesFolder:
    """Reads the manifest. Raises RulesUnavailable naming everything that is wrong with it."""
    path = Path(root) / MANIFEST
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RulesUnavailable(f"{path}: {error.strerror or 'cannot be read'}") from None
    try:
        sets = _Manifest.model_validate(orjson.loads(content)).sets
    except orjson.JSONDecodeError:
        raise RulesUnavailable(f"{path}: not JSON") from None
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
                  for fault in error.errors(include_url=False, include_input=False))  # fmt: skip
        raise RulesUnavailable(f"{path}: {'; '.join(faults)}") from None
    folder = RulesFolder(Path(root).resolve(), sets)
    if faults := [*_faults(folder), *_overlaps(sets)]:
        raise RulesUnavailable(f"{path}: {'; '.join(faults)}")
    return folder


def check_folder(root: Path) -> list[str]:
    """Everything wrong with manifest and files; empty when all is well."""
    try:
        folder = read_folder(root)
    except RulesUnavailable as error:
        return [str(error)]
    found: list[str] = []
    for rules in folder.sets:
        for path, stated in rules.sha256.items():
            try:
                verified(folder.root, path, stated)
            except RulesUnavailable as error:
                found.append(str(error))
    return found


def verified(root: Path, path: str, sha256: str) -> bytes:
    """The file's bytes, which are those the manifest means. Raises RulesUnavailable naming the file."""
    try:
        content = (root / path).read_bytes()
    except OSError as error:
        raise RulesUnavailable(f"{root / path}: {error.strerror or 'cannot be read'}") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise RulesUnavailable(f"{root / path}: its SHA-256 is not the one in {MANIFEST}")
    return content


def write_manifest(root: Path, *, valid_from: Mapping[str, date] | None = None) -> RulesFolder:
    """Writes the manifest for what lies in the folder, and returns it as read again.

    `valid_from`: the first day of each version, by `name/version`. Versions the old manifest knows keep their days.
    Raises RulesUnavailable naming the folder or file at fault; then the old manifest is left as it was.
    """
    root = Path(root)
    stated = dict(valid_from or {})
    known = {rules.id: rules for rules in read_folder(root).sets} if (root / MANIFEST).exists() else {}
    found: list[Rules] = []
    for folder in sorted(path for path in root.glob("*/*") if path.is_dir()):
        kind = SETS.get(folder.parent.name)
        if kind is None:
            raise RulesUnavailable(f"{folder.parent}: not one of {', '.join(SETS)}")
        old = known.get(f"{folder.parent.name}/{folder.name}")
        begins = stated.pop(f"{folder.parent.name}/{folder.name}", old.valid_from if old else None)
        if begins is None:
            raise RulesUnavailable(f"{folder}: say from which day it applies")
        found.append(_described(root, folder, kind, begins, old.valid_to if old else None))
    if stated:
        raise RulesUnavailable(f"{root / next(iter(stated))}: there is no such folder")
    if not found:
        raise RulesUnavailable(f"{root}: holds no rules; they belong in {', '.join(SETS)}")
    found.sort(key=lambda rules: (_rank(rules.name), rules.valid_from))
    if faults := _overlaps(found):
        raise RulesUnavailable(f"{root / MANIFEST}: {'; '.join(faults)}")
    document = {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "sets": [rules.model_dump(mode="json", exclude_none=True) for rules in found],
    }
    files.replace(root / MANIFEST, orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    return read_folder(root)


def _rank(name: str) -> tuple[int, str]:
    return (list(SETS).index(name) if name in SETS else len(SETS), name)


def _described(root: Path, folder: Path, kind: RulesKind, valid_from: date, valid_to: date | None) -> Rules:
    contents = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in _ENDINGS[kind]
    }
    begins: dict[Kind, str] = {}
    for document, namespace in _NAMESPACES.items():
        # A schema says what it is for; compiled rules are one file for both kinds.
        fitting = [
            path for path, content in contents.items() if kind is RulesKind.XSLT or _target(content) == namespace
        ]
        if len(fitting) != 1:
            wanted = "file of compiled rules (XSLT)" if kind is RulesKind.XSLT else f"schema for {namespace}"
            raise RulesUnavailable(f"{folder}: exactly one {wanted} belongs there, found {len(fitting)}")
        begins[document] = fitting[0]
    return Rules(
        name=folder.parent.name,
        version=folder.name,
        kind=kind,
        files=begins,
        sha256={path: hashlib.sha256(content).hexdigest() for path, content in contents.items()},
        valid_from=valid_from,
        valid_to=valid_to,
    )


def _target(content: bytes) -> str:
    found = _TARGET.search(content)
    return found[1].decode("utf-8", "replace") if found else ""


def _faults(folder: RulesFolder) -> list[str]:
    found: list[str] = []
    if not folder.sets:
        found.append("no rules are listed")
    for rules in folder.sets:
        found += [f"{rules.id}: no file for {kind}" for kind in Kind if kind not in rules.files]
        found += [f"{rules.id}: {path} has no sha256" for path in rules.files.values() if path not in rules.sha256]
        for path in rules.sha256:
            inside = (folder.root / path).resolve().is_relative_to(folder.root)
            if PurePosixPath(path).is_absolute() or not inside:
                found.append(f"{rules.id}: {path} lies outside the folder")
        if rules.valid_to is not None and rules.valid_to < rules.valid_from:
            found.append(f"{rules.id}: ends before it begins")
        if len({other.kind for other in folder.sets if other.name == rules.name}) > 1:
            found.append(f"{rules.id}: the versions are not of one kind")
    return found


def _overlaps(sets: tuple[Rules, ...] | list[Rules]) -> list[str]:
    found: list[str] = []
    ordered = sorted(sets, key=lambda rules: (rules.name, rules.valid_from))
    for earlier, later in itertools.pairwise(ordered):
        if earlier.name == later.name and (
            earlier.valid_from == later.valid_from
            or (earlier.valid_to is not None and earlier.valid_to >= later.valid_from)
        ):
            found.append(f"{earlier.id} and {later.id} apply on the same days")
    times = Counter(rules.id for rules in sets)
    return found + [f"{name} is listed twice" for name, count in times.items() if count > 1]
