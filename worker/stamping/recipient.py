"""The address block in the letter's window: name first, last line `NNNN POSTSTED`, country when abroad."""

from __future__ import annotations

from worker.model.document import Document
from worker.model.party import PostalAddress
from worker.stamping.pdf.countries import country_name


def recipient_lines(document: Document, card_address: PostalAddress) -> tuple[str, ...]:
    """From the document's buyer; the customer card's address when the document's own is incomplete (a card mended
    after the ERP made the document). Posten's rules: no empty lines, postal code and place last, country abroad."""
    address = document.buyer.address if document.buyer.address.complete else card_address
    code = address.postal_code.strip().removeprefix("NO-").removeprefix("NO")
    lines = [document.buyer.display_name, address.line1, address.line2, f"{code} {address.city}"]
    if address.country.upper() not in ("", "NO"):
        lines.append(country_name(address.country, "en").upper())
    return tuple(line.strip() for line in lines if line.strip())
