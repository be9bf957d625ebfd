"""Keys made from our own ids, so that doing a thing twice is recognised by the other side."""

from __future__ import annotations

import uuid

from worker.store.rows import InvoiceRow

# Fixed for ever: keys made from it must come out the same after an upgrade.
_NAMESPACE = uuid.UUID("5f0c1f0e-6a77-4f0e-9d55-6f2d6c2f7a31")


def delivery_key(row: InvoiceRow, number: int) -> str:
    """The key of the invoice's delivery `number`, the same on every try: UUID of what is delivered and how often."""
    return str(uuid.uuid5(_NAMESPACE, f"{row.client}|{row.erp}|{row.erp_id}|{row.stamped_sha256}|{number}"))
