"""Looked up again right before an EHF is sent: debtors come and go between the choice and the sending."""

from __future__ import annotations

from datetime import datetime

from worker.delivery.outbound import Parcel
from worker.model.channel import Channel, Reach
from worker.model.outcomes import Refused, TryLater
from worker.ports import DebtorReach
from worker.store import invoices
from worker.store.database import Database


async def still_receives(parcel: Parcel, reach: DebtorReach, *, db: Database, now: datetime) -> None:
    """Returns when the debtor receives the document's kind now; the evidence is kept with the invoice's decisions,
    unless the choice was made on the same look-up.

    Raises Refused when it surely does not any more: the next channel takes over. Raises TryLater when nobody knows,
    which is never a reason for another channel.
    """
    delivery = parcel.delivery
    answer = await reach.to_send(participant=delivery.address, kind=parcel.document.kind, routed_at=delivery.created_at)
    if answer.reach is Reach.UNKNOWN:
        raise TryLater("whether the debtor still receives EHF is unknown", answer=answer.evidence)
    yes = answer.reach is Reach.YES
    if answer.looked_up_at is not None and answer.looked_up_at > delivery.created_at:
        invoices.note_decision(
            db,
            delivery.invoice_id,
            channel=Channel.EHF if yes else None,
            reason=f"looked up before sending: the debtor {'still' if yes else 'no longer'} receives EHF",
            considered=[[Channel.EHF, f"looked up before sending: {answer.evidence}"]],
            evidence=[answer.as_evidence()],
            now=now,
        )
    if not yes:
        raise Refused("the debtor no longer receives EHF", answer=answer.evidence)
