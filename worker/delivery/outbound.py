"""What every channel needs at hand: the invoice's documents and the client's way of speaking."""

from __future__ import annotations

from dataclasses import dataclass

from worker.model.document import Document, pdf_file_name
from worker.model.ehf import read_document
from worker.model.journey import DeliveryEvent
from worker.model.letter import PostClass, ReturnHandling
from worker.ports import DocumentStore, Submission, SubmissionState
from worker.store.rows import DeliveryRow, InvoiceRow


@dataclass(frozen=True, slots=True)
class DeliveryConfig:
    """The client's and factor's side of every delivery. `server_key`: for the codes' HMAC. `issuer`: the client's own
    organisation number; the tenants are what the providers call the client. `bounce_address`: return paths are
    made from it; empty: bounces go to the address in From."""

    client_name: str
    factor_name: str
    factor_contact: str
    reply_to: str
    message_id_domain: str
    portal_url: str
    link_days: int
    unopened_days: int
    server_key: bytes
    return_address: str
    letter_colour: bool
    letter_duplex: bool
    bounce_address: str = ""
    code_in_second_mail: bool = False
    access_point_tenant: str = ""
    efaktura: bool = False
    efaktura_tenant: str = ""
    issuer: str = ""
    letter_post_class: PostClass = PostClass.B
    letter_return: ReturnHandling = ReturnHandling.RETURN
    letters_in_batches: bool = False


@dataclass(frozen=True, slots=True)
class Parcel:
    """One delivery with the bytes it may need. Document and PDF are those of the invoice as stamped."""

    invoice: InvoiceRow
    delivery: DeliveryRow
    document: Document
    xml: bytes
    pdf: bytes

    @property
    def file_name(self) -> str:
        return pdf_file_name(self.document.kind, self.invoice.number)


@dataclass(frozen=True, slots=True)
class Sent:
    """What a channel's call came to when it did not raise: the event for the delivery, and the vendor's words."""

    event: DeliveryEvent
    vendor_reference: str
    answer: str
    known_word: bool = True


# QUEUED is no event: the provider may still give up, so the outcome stays unknown and is asked for again.
_EVENTS = {
    SubmissionState.SUBMITTED: DeliveryEvent.ACCEPTED,
    SubmissionState.DELIVERED: DeliveryEvent.CONFIRMED,
    SubmissionState.REFUSED: DeliveryEvent.REFUSED,
    SubmissionState.QUEUED: DeliveryEvent.UNKNOWN,
}


def as_sent(submission: Submission) -> Sent:
    """The word of an access point or eFaktura provider as the delivery's event."""
    return Sent(_EVENTS[submission.state], submission.vendor_reference, submission.answer, submission.known_word)


def parcel(invoice: InvoiceRow, delivery: DeliveryRow, documents: DocumentStore) -> Parcel:
    """Raises DocumentLost."""
    xml = documents.get(sha256=invoice.stamped_sha256 or "")
    pdf = documents.get(sha256=invoice.pdf_sha256 or "")
    return Parcel(invoice, delivery, read_document(xml), xml, pdf)
