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
from worker.stamping.searching import Unsearchable, searchable_text

_PICTURES = frozenset({"application/pdf", "image/png", "image/jpeg"})
_NAMED_AS_INVOICE = re.compile(r"faktura|invoice|kreditnota|credit[ _-]?note", re.IGNORECASE)
# "Fakturagrunnlag.pdf" and "vedlegg til faktura 7" are the debtor's to keep.
_NAMED_AS_MORE = re.compile(
    r"grunnlag|spesifikasjon|vedlegg|bilag|timeliste|underlag|specification|attachment|appendix|timesheet",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class EmbeddedFile:
    """One file. `reference` is the AdditionalDocumentReference that holds it, `element` the file in it."""

    reference: XmlElement
    element: XmlElement
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

    def holds(self, hunt: AccountHunt) -> bool:
        """Whether an account of the hunt stands in what can be read of it. Raises Unsearchable."""
        return hunt.on and hunt.stands_in(searchable_text(self.content, self.mime_code))

    def is_invoice_copy(self, number: str, hunt: AccountHunt) -> bool:
        """Whether this is the ERP's own picture of invoice `number`: by its id, its name, or an old account in it."""
        if not (self.is_pdf or self.mime_code in _PICTURES):
            return False
        name = f"{self.description} {self.file_name}"
        named = _NAMED_AS_INVOICE.search(name) is not None and not _NAMED_AS_MORE.search(name)
        if named or self.reference_id == number:
            return True
        try:
            return self.holds(hunt)
        except Unsearchable:  # no copy by any sign; the hunt through what is sent on stops at it
            return False


def embedded_files(root: XmlElement) -> Iterator[EmbeddedFile]:
    """Every embedded file. Raises ValueError when one is not base64 or does not stand alone (UBL: one in each
    reference): it could hold anything."""
    for reference in root.findall("cac:AdditionalDocumentReference", NAMESPACES):
        found = reference.findall("cac:Attachment/cbc:EmbeddedDocumentBinaryObject", NAMESPACES)
        if len(found) > 1:
            raise ValueError("two files are embedded in one reference")
        for embedded in found:
            encoded = re.sub(r"\s", "", embedded.xpath("string()"))
            try:
                content = base64.b64decode(encoded, validate=True)
            except (binascii.Error, ValueError):
                raise ValueError("an embedded file is not base64") from None
            yield EmbeddedFile(
                reference=reference,
                element=embedded,
                reference_id=_text(reference, "cbc:ID"),
                description=_text(reference, "cbc:DocumentDescription"),
                file_name=(embedded.get("filename") or "").strip(),
                mime_code=(embedded.get("mimeCode") or "").strip().lower(),
                content=content,
            )


def _text(element: XmlElement, path: str) -> str:
    found = element.find(path, NAMESPACES)
    return "" if found is None else str(found.xpath("string()")).strip()
