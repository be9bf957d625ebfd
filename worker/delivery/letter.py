"""The letter: the invoice's PDF to the print house, the address standing in the window."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from worker.delivery.cover import DoesNotFit, with_cover
from worker.delivery.outbound import DeliveryConfig, Parcel, Sent
from worker.model.journey import DeliveryEvent
from worker.model.letter import job_id
from worker.model.outcomes import Refused
from worker.ports import PrintHouse, PrintJob
from worker.store.rows import InvoiceRow

_POSTED = re.compile(r"SHA-256 ([0-9a-f]{64})\b")


def job_name(parcel: Parcel) -> str:
    """The letter's name at the print house."""
    invoice, delivery = parcel.invoice, parcel.delivery
    return job_id(client=invoice.client, invoice_id=invoice.id, number=delivery.number, key=delivery.key)


def print_job(parcel: Parcel, config: DeliveryConfig) -> PrintJob:
    """The job, the same on every try. Raises Refused when the address does not fit the window."""
    delivery = parcel.delivery
    lines = tuple(delivery.address.split("\n"))
    pdf, pages = letter_paper(parcel.invoice, parcel.pdf, lines, config)
    return PrintJob(
        job_id=job_name(parcel),
        client=parcel.invoice.client,
        invoice_number=parcel.invoice.number,
        pdf=pdf,
        pages=pages,
        address_lines=lines,
        return_address=config.return_address,
        colour=config.letter_colour,
        duplex=config.letter_duplex,
        created_at=delivery.created_at,
        post_class=config.letter_post_class,
        return_handling=config.letter_return,
        batch_id=delivery.batch or "",
    )


def letter_paper(invoice: InvoiceRow, pdf: bytes, lines: tuple[str, ...], config: DeliveryConfig) -> tuple[bytes, int]:
    """What is printed, and its pages: with a sheet in front when it goes elsewhere than to the address drawn on it.

    The same arguments give the same bytes, so what was posted can be made again as long as client and factor are called
    as then. Raises Refused when the address does not fit the window.
    """
    pages, drawn = invoice.pdf_pages or 0, tuple((invoice.debtor or {}).get("recipient_lines") or ())
    if not drawn or drawn == lines:
        return pdf, pages
    try:
        paper = with_cover(
            pdf,
            recipient=lines,
            return_address=config.return_address,
            language=invoice.language or "nb",
            client_name=config.client_name,
            number=invoice.number,
            is_credit=bool(invoice.is_credit),
        )
    except DoesNotFit as error:
        raise Refused(f"letter: {error}") from None
    return paper, pages + 1


def posted_words(words: str, pdf: bytes) -> str:
    """The attempt's answer with what lies at the print house. It goes into the story too, so that a letter made again
    for a dispute can be held against it."""
    return f"{words}: {len(pdf)} bytes, SHA-256 {hashlib.sha256(pdf).hexdigest()}"


def posted_sha256(answers: Iterable[str]) -> str | None:
    """Of the letter as it was posted, by the answers of its attempts; None when none of them says."""
    found = [match[1] for answer in answers if (match := _POSTED.search(answer))]
    return found[-1] if found else None


async def send(parcel: Parcel, config: DeliveryConfig, print_house: PrintHouse) -> Sent:
    """Hands the letter over. Raises the outcomes of worker.model.outcomes."""
    job = print_job(parcel, config)
    reference = await print_house.hand_over(job=job)
    return Sent(DeliveryEvent.ACCEPTED, reference, posted_words("handed over to the print house", job.pdf))


async def ask(parcel: Parcel, config: DeliveryConfig, print_house: PrintHouse) -> Sent | None:
    """Whether the whole job lies at the print house; None when not."""
    job = print_job(parcel, config)
    if await print_house.was_handed_over(job=job):
        return Sent(DeliveryEvent.ACCEPTED, job.job_id, posted_words("found whole at the print house", job.pdf))
    return None
