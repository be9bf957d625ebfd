"""What the client reads in the ERP's history: how and when the invoice reached the debtor. Norwegian."""

from __future__ import annotations

from worker.model.channel import Channel
from worker.model.journey import DeliveryState
from worker.store.rows import DeliveryRow
from worker.support.clock import OSLO

_HOW = {
    Channel.EHF: "Sendt som EHF {when}.",
    Channel.EFAKTURA: "Sendt som eFaktura {when}.",
    Channel.EMAIL_LINK: "Sendt på e-post med lenke og kode {when}.",
    Channel.EMAIL_PDF: "Sendt på e-post med PDF-vedlegg {when}.",
    Channel.LETTER: "Sendt som brev {when}.",
}
_RECEIVED = {
    Channel.EHF: "Levert til mottakers aksesspunkt.",
    Channel.EFAKTURA: "Levert til mottakers nettbank.",
    Channel.LETTER: "Levert til Posten.",
}
_REFUSED = {
    Channel.EHF: "EHF-en ble avvist.",
    Channel.EFAKTURA: "eFakturaen ble avvist.",
    Channel.EMAIL_LINK: "E-posten kom i retur.",
    Channel.EMAIL_PDF: "E-posten kom i retur.",
    Channel.LETTER: "Brevet ble avvist av trykkeriet.",
}


def comment(deliveries: list[DeliveryRow]) -> str:
    """One sentence a delivery, first to last, and what became of it where that is known."""
    return " ".join(_sentence(delivery) for delivery in deliveries)


def news(delivery: DeliveryRow, before: DeliveryRow | None) -> str:
    """A later delivery by itself, for an ERP that has heard of the others; why there is another one comes first.

    `before`: the delivery before it that reached the other side, if any.
    """
    ended = _ended(before) if before is not None and delivery.asked_by is None else ""
    return f"{ended} {_sentence(delivery)}".strip()


def _sentence(delivery: DeliveryRow) -> str:
    if delivery.handed_over_at is None:
        raise ValueError("only what was handed over is reported")
    when = delivery.handed_over_at.astimezone(OSLO).strftime("%d.%m.%Y kl. %H:%M")
    text = _HOW[Channel(delivery.channel)].format(when=when)
    if delivery.asked_by is not None:
        text = text.replace("Sendt", "Sendt på nytt", 1)
    if delivery.state == DeliveryState.CONFIRMED and delivery.channel in _RECEIVED:
        text += f" {_RECEIVED[Channel(delivery.channel)]}"
    if delivery.opened_at is not None:
        return text + f" Åpnet {delivery.opened_at.astimezone(OSLO).strftime('%d.%m.%Y')}."
    return f"{text} {_ended(delivery)}".strip()


def _ended(delivery: DeliveryRow) -> str:
    """What became of a delivery that was not enough; empty when it may have been."""
    if delivery.state == DeliveryState.EXPIRED:
        return "E-posten ble ikke åpnet."
    return _REFUSED[Channel(delivery.channel)] if delivery.state == DeliveryState.REFUSED else ""
