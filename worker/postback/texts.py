"""What the client reads in the ERP's history: how and when the invoice reached the debtor. Norwegian."""

from __future__ import annotations

from worker.model.channel import Channel
from worker.store.rows import DeliveryRow
from worker.support.clock import OSLO

_HOW = {
    Channel.EHF: "Sendt som EHF {when}.",
    Channel.EFAKTURA: "Sendt som eFaktura {when}.",
    Channel.EMAIL_LINK: "Sendt på e-post med lenke og kode {when}.",
    Channel.EMAIL_PDF: "Sendt på e-post med PDF-vedlegg {when}.",
    Channel.LETTER: "Sendt som brev {when}.",
}


def comment(deliveries: list[DeliveryRow]) -> str:
    """One sentence a delivery, first to last, and what became of it where that is known."""
    return " ".join(_sentence(delivery) for delivery in deliveries)


def _sentence(delivery: DeliveryRow) -> str:
    if delivery.handed_over_at is None:
        raise ValueError("only what was handed over is reported")
    when = delivery.handed_over_at.astimezone(OSLO).strftime("%d.%m.%Y kl. %H:%M")
    text = _HOW[Channel(delivery.channel)].format(when=when)
    if delivery.channel == Channel.EHF and delivery.state == "confirmed":
        text += " Levert til mottakers aksesspunkt."
    if delivery.opened_at is not None:
        text += f" Åpnet {delivery.opened_at.astimezone(OSLO).strftime('%d.%m.%Y')}."
    elif delivery.state == "expired":
        text += " E-posten ble ikke åpnet."
    elif delivery.state == "refused":
        text += " Kom i retur."
    return text
