"""Files embedded in the document: which is the ERP's own picture of the invoice, and what can be searched.

Peppol forbids embedding a copy of the invoice (BIS guide, binary objects), yet ERPs do it, and that copy shows the
client's account, no KID of ours and no notice.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

from worker.model.ehf import NAMESPACES, XmlElement
from worker.stamping.accounts import AccountHunt

_PICTURES = frozenset({"application/pdf", "image/png", "image/jpeg"})
_NAMED_AS_INVOICE = re.compile(r"faktura|invoice|kreditnota|credit[ _-]?note", re.IGNORECASE)
# "Fakturagrunnlag.pdf" and "vedlegg til faktura 7" are the debtor's to keep.
_NAMED_AS_MORE = re.compile(
    r"grunnlag|spesifikasjon|vedlegg|bilag|timeliste|underlag|specification|attachment|appendix|timesheet",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class EmbeddedFile:
    """One file. `reference` is the AdditionalDocumentReference that holds it."""

    reference: XmlElement
    reference_id: str
    description: str
    file_name: str
    mime_code: str
    content: bytes

    @property
    def label(self) -> str:
        return self.file_name or self.reference_id

    @property
    def is_pdf(self) -> bool:
        return self.mime_code == "application/pdf" or self.content.startswith(b"%PDF")

    def searchable_text(self) -> str:
        """What can be read without a program of its own: text files, and what a PDF does not compress."""
        if self.is_pdf:
            return self.content.decode("latin-1")
        if self.mime_code.startswith("text/"):
            if self.content.startswith((b"\xff\xfe", b"\xfe\xff")):
                return self.content.decode("utf-16", "replace")
            try:
                return self.content.decode("utf-8")
            except UnicodeDecodeError:
                return self.content.decode("latin-1")
        return ""

    def is_invoice_copy(self, number: str, hunt: AccountHunt) -> bool:
        """Whether this is the ERP's own picture of invoice `number`: by its id, its name, or an old account in it."""
        if not (self.is_pdf or self.mime_code in _PICTURES):
            return False
        name = f"{self.description} {self.file_name}"
        named = _NAMED_AS_INVOICE.search(name) is not None and not _NAMED_AS_MORE.search(name)
        return self.reference_id == number or named or hunt.stands_in(self.searchable_text())


def embedded_files(root: XmlElement) -> Iterator[EmbeddedFile]:
    """Every embedded file. Raises ValueError when one is not base64: it could hold anything."""
    for reference in root.findall("cac:AdditionalDocumentReference", NAMESPACES):
        for embedded in reference.findall("cac:Attachment/cbc:EmbeddedDocumentBinaryObject", NAMESPACES):
            encoded = re.sub(r"\s", "", embedded.xpath("string()"))
            try:
                content = base64.b64decode(encoded, validate=True)
            except (binascii.Error, ValueError):
                raise ValueError("an embedded file is not base64") from None
            yield EmbeddedFile(
                reference=reference,
                reference_id=_text(reference, "cbc:ID"),
                description=_text(reference, "cbc:DocumentDescription"),
                file_name=(embedded.get("filename") or "").strip(),
                mime_code=(embedded.get("mimeCode") or "").strip().lower(),
                content=content,
            )


def _text(element: XmlElement, path: str) -> str:
    found = element.find(path, NAMESPACES)
    return "" if found is None else str(found.xpath("string()")).strip()
