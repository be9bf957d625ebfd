"""The official rules for documents."""

from __future__ import annotations

from datetime import date
from typing import Protocol

from worker.model.document import Kind
from worker.model.findings import Verdict


class RulesUnavailable(Exception):
    """The rules cannot be used, which says nothing about the document. The message names the file or what is missing,
    never content of a document."""


class DocumentRules(Protocol):
    """UBL schema, EN 16931 and Peppol BIS Billing rules."""

    async def check(self, *, xml: bytes, kind: Kind, on: date) -> Verdict:
        """What the versions that apply on that day say of the document. One that took too long has a fatal finding.

        Raises RulesUnavailable, and DocumentError for what the worker would not read.
        """
        ...

    def describe(self) -> str:
        """Which rules there are, in words for `status`."""
        ...

    async def aclose(self) -> None: ...
