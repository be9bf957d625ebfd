"""EHF, that is Peppol BIS Billing 3.0: its identifiers, and reading a document whoever made it.

parse.py   bytes of unknown origin → a tree, or a refusal
read.py    tree → model.document.Document
totals.py  do the document's own sums agree
"""

from worker.model.ehf.ids import (
    CAC,
    CBC,
    CREDIT_NOTE_NS,
    CUSTOMIZATION_ID,
    DOCUMENT_TYPE_IDS,
    INVOICE_NS,
    NAMESPACES,
    NORWEGIAN_SCHEME,
    PROCESS_ID,
    PROFILE_ID,
    ROOTS,
)
from worker.model.ehf.parse import MAX_BYTES, DocumentError, XmlElement, etree, parse
from worker.model.ehf.read import read_document, seller_company_id
from worker.model.ehf.totals import totals_disagreements

__all__ = [
    "CAC",
    "CBC",
    "CREDIT_NOTE_NS",
    "CUSTOMIZATION_ID",
    "DOCUMENT_TYPE_IDS",
    "INVOICE_NS",
    "MAX_BYTES",
    "NAMESPACES",
    "NORWEGIAN_SCHEME",
    "PROCESS_ID",
    "PROFILE_ID",
    "ROOTS",
    "DocumentError",
    "XmlElement",
    "etree",
    "parse",
    "read_document",
    "seller_company_id",
    "totals_disagreements",
]
