"""The eFaktura channel: the stamped PDF and what is to be paid, to the person's bank."""

from __future__ import annotations

from datetime import date

from worker.delivery.outbound import DeliveryConfig, Parcel, Sent, as_sent
from worker.model.efaktura import why_not
from worker.model.money import Money
from worker.model.outcomes import Refused, UnknownOutcome
from worker.ports import ConsumerChannel, ConsumerInvoice


async def send(parcel: Parcel, config: DeliveryConfig, consumers: ConsumerChannel | None, today: date) -> Sent:
    """Hands the invoice to the provider under the delivery's own key. Raises the outcomes of worker.model.outcomes.

    Refused, and nobody called, when the rules no longer hold (the invoice has waited, and is due in less than three
    days) or eFaktura has been turned off since the channel was chosen: the next channel takes over.
    """
    document = parcel.document
    if consumers is None or not config.efaktura:
        raise Refused("eFaktura has been turned off")
    fault = why_not(currency=document.currency, due_date=document.due_date, is_credit=document.is_credit, today=today)
    if fault or document.due_date is None:
        raise Refused(fault or "")
    submission = await consumers.send(
        invoice=ConsumerInvoice(
            key=parcel.delivery.key,
            tenant=config.efaktura_tenant,
            issuer=config.issuer,
            reference=parcel.delivery.address,
            number=document.number,
            issue_date=document.issue_date,
            due_date=document.due_date,
            amount_minor=Money.of(document.payable, document.currency).minor,
            account=parcel.invoice.account or "",
            kid=parcel.invoice.kid or "",
            file_name=parcel.file_name,
            pdf=parcel.pdf,
            xml=parcel.xml,
        )
    )
    return as_sent(submission)


async def ask(parcel: Parcel, config: DeliveryConfig, consumers: ConsumerChannel | None) -> Sent | None:
    """What became of it; None when the provider has never seen the key."""
    if consumers is None:
        raise UnknownOutcome("eFaktura has been turned off: nobody can be asked")
    submission = await consumers.status(tenant=config.efaktura_tenant, key=parcel.delivery.key)
    return as_sent(submission) if submission is not None else None
