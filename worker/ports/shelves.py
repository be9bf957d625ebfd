"""Our own shelves: documents, and the factor's own ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from worker.model.document import Kind
from worker.model.money import Money


class DocumentLost(Exception):
    """The document is not there, or its bytes no longer match their hash."""


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as it lies in the store, unread. `size` in bytes."""

    sha256: str
    size: int
    written_at: datetime


class DocumentStore(Protocol):
    """Document bytes keyed by SHA-256 (lower-case hex). Writing the same bytes twice is one document."""

    def put(self, *, content: bytes) -> str:
        """Durable when it returns. Raises OSError (disk full, read-only, the store away)."""
        ...

    def get(self, *, sha256: str) -> bytes:
        """Raises DocumentLost, and OSError when the store is away."""
        ...

    def documents(self) -> Iterator[StoredDocument]:
        """Everything there. Raises OSError."""
        ...

    def remove(self, *, sha256: str) -> None:
        """Gone when it returns; one that is not there is no error. Raises OSError."""
        ...

    def mark(self, *, name: str, content: bytes) -> bytes | None:
        """Writes a mark under `name` (a SHA-256) unless one is there: then returns what that one says. Durable when it
        returns, and only one of several callers at once gets None. Raises OSError."""
        ...


@dataclass(frozen=True, slots=True)
class Claim:
    """The invoice as the factor's asset, as registered with the factor's ledger (docs/registered-claim.md)."""

    client: str
    client_organisation_number: str
    client_number: str
    erp: str
    erp_id: str
    kind: Kind
    number: str
    credited_numbers: tuple[str, ...]
    issue_date: date
    due_date: date | None
    total: Money
    factor_account: str
    kid: str
    debtor_code: str
    debtor_name: str
    debtor_is_person: bool
    debtor_organisation_number: str
    debtor_address_lines: tuple[str, ...]
    debtor_email: str
    debtor_phone: str
    notice_version: str
    original_sha256: str
    stamped_sha256: str
    stamped_xml: bytes
    registered_at: datetime


@dataclass(frozen=True, slots=True)
class LyingClaim:
    """A claim as it lies with the factor's ledger. `fault`: why it cannot be read; then there is nothing but its name.

    `total` as the file says it (`12500.50`)."""

    name: str
    erp_id: str = ""
    number: str = ""
    kid: str = ""
    total: str = ""
    currency: str = ""
    stamped_sha256: str = ""
    fault: str = ""


class FactorLedger(Protocol):
    """The factor's own ledger, taking claims as files."""

    async def register(self, *, claim: Claim) -> str:
        """Writes the claim, whole or not at all, exactly once; returns its file name. Raises OSError."""
        ...

    def lying(self, *, client: str) -> list[str]:
        """The names of the client's claims that lie there. The factor's system may have taken any of them away, so that
        one is absent says nothing. Raises OSError."""
        ...

    def read(self, *, name: str) -> LyingClaim | None:
        """The claim as it lies there; None when it has been taken away. Raises OSError."""
        ...
