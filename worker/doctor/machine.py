"""The worker's own ground: clock, time zone, database, documents, folders, the settings files, the rules."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

from worker.doctor.findings import Finding, fault, ok, warning
from worker.ports import DocumentLost, DocumentStore
from worker.store.database import Database, SchemaError, require_head
from worker.store.one_host import OneHost
from worker.store.proof_of_writing import prove_writable
from worker.support.clock import oslo
from worker.support.files import why_not_writable
from worker.support.wording import counted

_NEW_CLIENT = "`factoring-worker client new NAME` makes it"
SKEW = timedelta(seconds=60)  # a token's life, a slot's time and a lease are told in minutes


def settings_files(
    worker: Path, folder: Path, *, good: Sequence[str], bad: Mapping[str, Sequence[str]]
) -> list[Finding]:
    """The clients' files in `folder`, by name, and who may read what holds keys."""
    found = [
        warning(f"{path.name} may be read by everybody on this machine", f"chmod o= {path}")
        for path in (worker, *sorted(folder.glob("*.env")))
        if path.is_file() and path.stat().st_mode & 0o007
    ]
    if not folder.is_dir():
        return [fault(f"the clients folder {folder} does not exist", _NEW_CLIENT), *found]
    found = [
        *(
            fault(f"{file}: {what}", "mend the file: docs/settings.md explains every key")
            for file, faults in bad.items()
            for what in faults
        ),
        *found,
    ]
    if not good and not bad:
        found.append(fault("there is no client", _NEW_CLIENT))
    elif not good:
        found.append(fault("no client can be used", "mend the files named here"))
    return found or [ok(f"worker.env and {counted(len(good), 'client')}")]


def clock(date_header: str, *, now: datetime, who: str) -> list[Finding]:
    """Our clock against the Date of a counterparty's answer (RFC 9110 §6.6.1, to the second)."""
    try:
        theirs = parsedate_to_datetime(date_header).astimezone(UTC)
    except ValueError:
        return [warning(f"{who} told no date, so the clock is compared with nobody's", "look at the machine's clock")]
    skew = now - theirs
    if abs(skew) <= SKEW:
        return [ok(f"the clock agrees with {who}")]
    way = "ahead of" if skew > timedelta(0) else "behind"
    return [
        fault(f"the clock is {abs(skew).total_seconds():.0f} s {way} {who}'s", "switch on time synchronisation (NTP)")
    ]


def time_zone(*, year: int) -> list[Finding]:
    """Slots are Norwegian wall-clock times: an hour from UTC in winter, two in summer."""
    offsets = [oslo(date(year, month, 1), time(12)).utcoffset() for month in (1, 7)]
    if offsets == [timedelta(hours=1), timedelta(hours=2)]:
        return [ok("Europe/Oslo is known, with summer time")]
    return [fault("Europe/Oslo is not what it should be", "install the package tzdata again")]


def database(db: Database, *, now: datetime) -> list[Finding]:
    """Reached, ours alone where it is a SQLite file, at this program's schema, and takes a change."""
    try:
        OneHost(db.file).check(now)
        require_head(db)
        prove_writable(db, now=now)
    except SchemaError as error:
        return [fault(error.what, error.remedy)]
    place = f", {db.file.resolve()}" if db.file is not None else ""
    return [ok(f"at this program's revision, and can be written to{place}")]


def documents(store: DocumentStore) -> list[Finding]:
    """Puts, reads back and removes a tiny document that no row names (`documents sweep` would find it)."""
    content = b"factoring-worker doctor " + secrets.token_bytes(16)
    try:
        sha256 = store.put(content=content)
        same = store.get(sha256=sha256) == content
        store.remove(sha256=sha256)
    except (OSError, DocumentLost) as error:
        what = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        return [
            fault(f"a document cannot be kept: {what}", "mend DOCUMENT_STORE, its keys, or the folder's owner and disk")
        ]
    if not same:
        return [fault("a document came back changed", "do not run: the disk or the server is broken")]
    return [ok("a tiny document was written, read and removed")]


def folders(named: Mapping[str, Path]) -> list[Finding]:
    """By their keys in worker.env."""
    found: list[Finding] = []
    for key, folder in named.items():
        why = why_not_writable(folder)
        if why:
            found.append(fault(f"{key} {why}", "make the folder, or make it the worker's user's"))
    return found or [ok(f"{counted(len(named), 'folder')} can be written to")]


def rules(faults: Sequence[str], *, described: str) -> list[Finding]:
    """`faults`: what is wrong with RULES_FOLDER."""
    if faults:
        return [fault(one, "fill the folder again: docs/rules.md") for one in faults]
    return [ok(described)]
