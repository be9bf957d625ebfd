"""The letter: the invoice's PDF to the print house, the address standing in the window."""

from __future__ import annotations

from worker.delivery.outbound import DeliveryConfig, Parcel, Sent
from worker.model.journey import DeliveryEvent
from worker.model.letter import job_id
from worker.ports import PrintHouse, PrintJob


def job_name(parcel: Parcel) -> str:
    """The letter's name at the print house."""
    invoice, delivery = parcel.invoice, parcel.delivery
    return job_id(client=invoice.client, invoice_id=invoice.id, number=delivery.number, key=delivery.key)


def print_job(parcel: Parcel, config: DeliveryConfig) -> PrintJob:
    """The job, the same on every try."""
    delivery = parcel.delivery
    return PrintJob(
        job_id=job_name(parcel),
        client=parcel.invoice.client,
        invoice_number=parcel.invoice.number,
        pdf=parcel.pdf,
        pages=parcel.invoice.pdf_pages or 0,
        address_lines=tuple(delivery.address.split("\n")),
        return_address=config.return_address,
        colour=config.letter_colour,
        duplex=config.letter_duplex,
        created_at=delivery.created_at,
        post_class=config.letter_post_class,
        return_handling=config.letter_return,
        batch_id=delivery.batch or "",
    )


async def send(parcel: Parcel, config: DeliveryConfig, print_house: PrintHouse) -> Sent:
    """Hands the letter over. Raises the outcomes of worker.model.outcomes."""
    reference = await print_house.hand_over(job=print_job(parcel, config))
    return Sent(DeliveryEvent.ACCEPTED, reference, "handed over to the print house")


async def ask(parcel: Parcel, config: DeliveryConfig, print_house: PrintHouse) -> Sent | None:
    """Whether the whole job lies at the print house; None when not."""
    job = print_job(parcel, config)
    if await print_house.was_handed_over(job=job):
        return Sent(DeliveryEvent.ACCEPTED, job.job_id, "found whole at the print house")
    return None
