"""The documents: what came in, what was made of it, and what of that the other side has."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from worker.delivery import DeliveryConfig, letter_paper, posted_sha256
from worker.evidence.arrival import Arrival
from worker.model.channel import Channel
from worker.model.document import Kind, pdf_file_name
from worker.model.outcomes import Refused
from worker.ports import DocumentLost, DocumentStore
from worker.store.reading import Story
from worker.store.rows import DeliveryRow, InvoiceRow

ORIGINAL, STAMPED, DELIVERED, DRAWN = "original.xml", "stamped.xml", "delivered/", "drawn/"


@dataclass(slots=True)
class Papers:
    """The files by name; `notes`: what has to be said about one of them; `missing`: what could not be had, and why."""

    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    notes: dict[str, str] = field(default_factory=dict[str, str])
    missing: list[str] = field(default_factory=list[str])


def gather(told: Story, reached: list[Arrival], documents: DocumentStore, config: DeliveryConfig | None) -> Papers:
    """`config`: client and factor as they are called today; None when the client's file cannot be used.

    An EHF is the stamped XML itself; every other channel carries, or shows, the PDF.
    """
    row, papers = told.invoice, Papers()
    had = {Channel(one.delivery.channel) for one in reached if one.had}
    name = pdf_file_name(Kind(row.kind), row.number)
    _fetch(papers, ORIGINAL, row.original_sha256, "the document as the ERP gave it", row, documents)
    _fetch(papers, STAMPED, row.stamped_sha256, "the document as stamped", row, documents)
    folder, what = (DELIVERED, "the PDF as delivered") if had - {Channel.EHF} else (DRAWN, "the PDF as drawn")
    _fetch(papers, f"{folder}{name}", row.pdf_sha256, what, row, documents)
    if Channel.EHF in had and STAMPED in papers.files:
        papers.files[f"{DELIVERED}{name.removesuffix('pdf')}xml"] = papers.files[STAMPED]
    pdf = papers.files.get(f"{folder}{name}")
    for one in reached:
        posted = one.had or one.unknown or one.delivery.handed_over_at is not None
        if posted and _has_cover(one.delivery, row):
            _letter(papers, one, told, pdf, config, name.removesuffix(".pdf"))
    return papers


def _fetch(papers: Papers, name: str, sha256: str | None, what: str, row: InvoiceRow, documents: DocumentStore) -> None:
    if not sha256:
        papers.missing.append(f"{what}: the invoice has not come so far")
    elif row.documents_state != "kept":
        papers.missing.append(f"{what}: removed when its retention was over; its SHA-256 was {sha256}")
    else:
        try:
            papers.files[name] = documents.get(sha256=sha256)
        except DocumentLost as error:
            papers.missing.append(f"{what}: {error}")


def _has_cover(delivery: DeliveryRow, row: InvoiceRow) -> bool:
    drawn = tuple((row.debtor or {}).get("recipient_lines") or ())
    return delivery.channel == Channel.LETTER and bool(drawn) and _lines(delivery) != drawn


def _lines(delivery: DeliveryRow) -> tuple[str, ...]:
    return tuple(delivery.address.split("\n"))


def _letter(
    papers: Papers, one: Arrival, told: Story, pdf: bytes | None, config: DeliveryConfig | None, stem: str
) -> None:
    """The letter as it was posted, sheet in front: made again, and called delivered only when it is proven the same."""
    delivery = one.delivery
    what = f"the letter of delivery {delivery.number} with its cover sheet"
    if pdf is None:
        papers.missing.append(f"{what}: it cannot be made again without the PDF")
        return
    if config is None:
        papers.missing.append(f"{what}: it cannot be made again, for the client's settings file cannot be used")
        return
    try:
        paper, _ = letter_paper(told.invoice, pdf, _lines(delivery), config)
    except Refused as error:
        papers.missing.append(f"{what}: {error.message}")
        return
    own = [try_ for try_ in told.attempts if (try_.subject, try_.subject_id) == ("delivery", delivery.id)]
    posted = posted_sha256(try_.answer for try_ in own)
    if posted is not None and posted != hashlib.sha256(paper).hexdigest():
        papers.missing.append(
            f"{what}: what was posted has SHA-256 {posted}, and what is made today is another: the client's name, the "
            "factor's return address or the program has changed since"
        )
        return
    name = f"{DELIVERED if one.had and posted else DRAWN}{stem}-brev-{delivery.number}.pdf"
    proof = "it has the SHA-256 of what was posted" if posted else "nothing was kept of the posted one to compare with"
    papers.files[name] = paper
    papers.notes[name] = f"{what}, made again: {proof}"
