"""A mark outside the database before anything is sent, so that a database restored from a backup does not send again.

The mark lies beside the documents, which are only ever added to and are not taken back with the database. A claim
that has just begun, and whose mark is there, was made in a time the database does not remember: it is asked about.
"""

from __future__ import annotations

import hashlib
import json
import uuid

from worker.ports import DocumentStore
from worker.store.rows import DeliveryRow, InvoiceRow

SENT_BEFORE = "it was tried before, and the database does not remember: it may have been restored from a backup"
OTHER_KEY = "it was tried before as another document, and the database does not remember that one"


def sent_before_we_knew(invoice: InvoiceRow, delivery: DeliveryRow, documents: DocumentStore) -> str:
    """Marks the delivery as about to be sent; why it may have been sent already, empty when all is as remembered.

    Raises OSError: then nothing may be sent.
    """
    identity = json.dumps(
        [invoice.client, invoice.erp, invoice.erp_id, delivery.number, delivery.channel, *_claim(delivery)]
    )
    content = json.dumps({"key": delivery.key, "mark": uuid.uuid4().hex}).encode()
    there = documents.mark(name=hashlib.sha256(identity.encode()).hexdigest(), content=content)
    if there is None:
        return ""
    return SENT_BEFORE if json.loads(there)["key"] == delivery.key else OTHER_KEY


def _claim(delivery: DeliveryRow) -> list[int]:
    """Which claim it is, from the second on: each has a mark of its own. A database put back gives the next claim the
    number that one had in the time it does not remember."""
    return [delivery.fence] if delivery.fence > 1 else []
