"""The debtor of one invoice as routing sees it, from the invoice's row."""

from __future__ import annotations

from worker.model.party import PostalAddress
from worker.routing.choose import Debtor, Terms
from worker.store.rows import InvoiceRow


def debtor_of(row: InvoiceRow) -> Debtor:
    """From what intake and stamping kept on the row: card, e-mail to use, window lines, electronic address."""
    kept = row.debtor or {}
    address = kept.get("address") or {}
    return Debtor(
        is_person=bool(kept.get("is_person")),
        postal_address=PostalAddress(**address),
        address_lines=tuple(kept.get("recipient_lines") or ()),
        email=str(kept.get("email_to_use") or ""),
        participant=str(kept.get("participant") or ""),
        peppol_faults=tuple(kept.get("peppol_faults") or ()),
        name=str(kept.get("name") or "") or f"{kept.get('first_name') or ''} {kept.get('last_name') or ''}".strip(),
        phone=str(kept.get("phone") or ""),
    )


def terms_of(row: InvoiceRow) -> Terms:
    return Terms(currency=row.currency or "", due_date=row.due_date, is_credit=bool(row.is_credit))
