"""The EHF channel: the stamped XML to the debtor's electronic address, the seller as sender."""

from __future__ import annotations

from worker.delivery.outbound import DeliveryConfig, Parcel, Sent, as_sent
from worker.model.document import Identifier
from worker.model.ehf import DOCUMENT_TYPE_IDS, PROCESS_ID
from worker.model.outcomes import Refused
from worker.ports import AccessPoint, OutboundDocument


async def send(parcel: Parcel, config: DeliveryConfig, access_point: AccessPoint) -> Sent:
    """Submits under the delivery's own key. Raises the outcomes of worker.model.outcomes.

    Sender and receiver are the document's own endpoints: the network demands that they agree (Peppol BIS, payload).
    """
    document = parcel.document
    if document.seller.endpoint is None or document.buyer.endpoint is None:
        raise Refused("the document lacks the seller's or the buyer's electronic address (EndpointID)")
    submission = await access_point.submit(
        document=OutboundDocument(
            key=parcel.delivery.key,
            kind=document.kind,
            sender=_participant(document.seller.endpoint),
            receiver=parcel.delivery.address,
            document_type_id=DOCUMENT_TYPE_IDS[document.kind],
            process_id=PROCESS_ID,
            country=document.seller.address.country or "NO",
            xml=parcel.xml,
            tenant=config.access_point_tenant,
        )
    )
    return as_sent(submission)


async def ask(parcel: Parcel, config: DeliveryConfig, access_point: AccessPoint) -> Sent | None:
    """What became of it; None when the access point has never seen the key."""
    delivery = parcel.delivery
    submission = await access_point.status(
        key=delivery.key, reference=delivery.vendor_reference or "", tenant=config.access_point_tenant
    )
    return as_sent(submission) if submission is not None else None


def _participant(endpoint: Identifier) -> str:
    return f"{endpoint.scheme}:{endpoint.value}"
