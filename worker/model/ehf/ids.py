"""Identifiers of Peppol BIS Billing 3.0 (profile 01), compared exactly.

The official rules since BIS 3.0.21 accept any CustomizationID that begins with ours and more than one ProfileID, so
passing them no longer proves that a document is a plain invoice or credit note. Self-billing, reminders and other
profiles differ from ours only in these values, and none of them may be stamped.
"""

from __future__ import annotations

from typing import Final

from worker.model.document import Kind

CUSTOMIZATION_ID: Final = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
PROFILE_ID: Final = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
PROCESS_ID: Final = f"cenbii-procid-ubl::{PROFILE_ID}"

INVOICE_NS: Final = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
CREDIT_NOTE_NS: Final = "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2"
CAC: Final = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
CBC: Final = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
NAMESPACES: Final[dict[str, str]] = {"cac": CAC, "cbc": CBC}

ROOTS: Final[dict[str, Kind]] = {
    f"{{{INVOICE_NS}}}Invoice": Kind.INVOICE,
    f"{{{CREDIT_NOTE_NS}}}CreditNote": Kind.CREDIT_NOTE,
}

DOCUMENT_TYPE_IDS: Final[dict[Kind, str]] = {
    Kind.INVOICE: f"busdox-docid-qns::{INVOICE_NS}::Invoice##{CUSTOMIZATION_ID}::2.1",
    Kind.CREDIT_NOTE: f"busdox-docid-qns::{CREDIT_NOTE_NS}::CreditNote##{CUSTOMIZATION_ID}::2.1",
}

NORWEGIAN_SCHEME: Final = "0192"  # ISO 6523 code of Norwegian organisation numbers

# EHF reminder (purring) and Peppol self-billing use the same root elements; told apart to say what arrived.
REMINDER_CUSTOMIZATION: Final = "urn:fdc:anskaffelser.no:2019:ehf:reminder:"
REMINDER_PROFILE: Final = "urn:fdc:anskaffelser.no:2019:ehf:postaward:g3:06:"
SELF_BILLING_CUSTOMIZATION: Final = "poacc:selfbilling:"

# UNCL1001. Self-billed documents are made by the debtor; the other sets would contradict the root element.
SELF_BILLED_TYPE_CODES: Final = frozenset({"261", "389", "527"})
CREDIT_NOTE_TYPE_CODES: Final = frozenset({"81", "83", "381", "396", "532"})
