"""The daily report's words, in Norwegian, and how it writes numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from worker.model.channel import FACTS, Channel
from worker.model.money import Money
from worker.model.parked import CLIENT_WARNINGS, PARKED, InvoiceWarning, ParkedReason
from worker.model.party import PostalAddress
from worker.store.report_days import Stopped, Told, Turn, Warned
from worker.support import wording
from worker.support.clock import OSLO

KINDS = {"invoice": "Faktura", "credit_note": "Kreditnota"}
CARD_FIELDS = {"address": "adresse", "postal code": "postnummer", "city": "poststed"}
JOBS = {
    "intake": "Henting og utsending",
    "fallback": "Ny vei for det som ikke kom frem",
    "postback": "Melding til regnskapssystemet",
    "settlement": "Oppgjør",
    "report": "Kontroll og dagsrapport",
}
# What a bookkeeper can mend, of the rules of EN 16931 and Peppol that are met most often.
RULES = {
    "PEPPOL-EN16931-R003": "kjøpers referanse («Deres ref.») eller bestillingsnummer mangler",
    "OWN-SELLER-ENDPOINT": "eget organisasjonsnummer stemmer ikke med den elektroniske adressen",
    "OWN-BUYER-ENDPOINT": "organisasjonsnummeret på kundekortet stemmer ikke med den elektroniske adressen",
    "OWN-DUE-DATE": "forfallsdato mangler",
    "OWN-CREDITED": "kreditnotaen sier ikke hvilken faktura den krediterer",
    "BR-16": "fakturaen har ingen linjer",
}
_RULE = re.compile(r"(?<![A-Za-z0-9-])[A-Z]{2,}(?:-[A-Z0-9]+)+(?![A-Za-z0-9-])")
_ENDED = {"expired": "ble ikke åpnet i tide", "refused": "ble avvist eller kom i retur"}


def about(told: Told) -> str:
    """`Faktura 5009`."""
    return f"{KINDS.get(told.kind, 'Faktura')} {told.number}"


def channel(name: str) -> str:
    return FACTS[Channel(name)].norwegian if name in set(Channel) else name


def headed(text: str) -> str:
    """With a capital first, but for eFaktura, which has its own way."""
    return text if text.startswith("eF") else text[:1].upper() + text[1:]


def missed(slots: Iterable[tuple[str, datetime]]) -> list[str]:
    """`27.11.2026: henting og utsending kl. 08:00 og 10:30; oppgjør kl. 15:30.`, a line a day."""
    days: dict[str, dict[str, list[str]]] = {}
    for job, slot in slots:
        name = JOBS.get(job, job)
        days.setdefault(day(slot), {}).setdefault(name[:1].lower() + name[1:], []).append(
            f"{slot.astimezone(OSLO):%H:%M}"
        )
    told = {date: [f"{job} kl. {' og '.join(at)}" for job, at in jobs.items()] for date, jobs in days.items()}
    return [f"{date}: {'; '.join(parts)}." for date, parts in told.items()]


def day(instant: datetime) -> str:
    return f"{instant.astimezone(OSLO):%d.%m.%Y}"


def moment(instant: datetime) -> str:
    """`25.11.2026 kl. 16:00`, Norwegian time."""
    return f"{instant.astimezone(OSLO):%d.%m.%Y kl. %H:%M}"


def plural(count: int, one: str, several: str) -> str:
    """`1 faktura`, `3 fakturaer`."""
    return f"{count} {one if count == 1 else several}"


def amounts(totals: Iterable[Money | None]) -> str:
    """The sum, one for each currency; what has no amount yet is said."""
    found: dict[str, Money] = {}
    unread = 0
    for total in totals:
        if total is None:
            unread += 1
        else:
            found[total.currency] = found[total.currency] + total if total.currency in found else total
    parts = [wording.amount(found[currency], "nb") for currency in sorted(found, key=lambda one: (one != "NOK", one))]
    if unread:
        parts.append(f"{unread} uten beløp")
    return " + ".join(parts)


def to_do(code: str, meaning: str, remedy: str) -> str:
    """What a word of a closed list means, and what the factor's people do about it."""
    return f"{code}: {meaning.rstrip('.')}. Å\u00a0gjøre: {remedy}."


def to_mend(stopped: Stopped) -> str:
    """What the client is asked to do about a parked invoice."""
    told = stopped.about
    facts = PARKED[ParkedReason(stopped.reason)]
    words = facts.norwegian.format(debtor=told.debtor, fields=_fields(stopped))
    return f"{words} Gjelder {about(told).lower()}, som har ventet siden {day(stopped.since)}."


def _fields(stopped: Stopped) -> str:
    if stopped.reason == ParkedReason.MISSING_POSTAL_ADDRESS:
        return gaps(stopped.card) or "deler av postadressen"
    return broken_rules(stopped.detail)


def gaps(card: dict[str, Any]) -> str:
    """`adresse og postnummer`: what the card's postal address lacks; empty when nothing does."""
    kept: dict[str, Any] = card.get("address") or {}
    missing = [CARD_FIELDS[name] for name in PostalAddress(**kept).missing]
    return " og ".join(filter(None, (", ".join(missing[:-1]), *missing[-1:])))


def broken_rules(detail: str) -> str:
    """The rules named in a detail, in words where there are some; never the detail's own words."""
    names = list(dict.fromkeys(_RULE.findall(detail)))
    return ", ".join(RULES.get(name, f"regel {name}") for name in names) or "se merknaden i fakturaen"


def warning(warned: Warned) -> str | None:
    """What the client can mend; None when it is not the client's."""
    words = CLIENT_WARNINGS.get(InvoiceWarning(warned.code))
    if words is None:
        return None
    told = warned.about
    return words.format(debtor=told.debtor, number=told.number, fields=broken_rules(warned.detail))


def turn(one: Turn) -> str:
    """Why another way was taken."""
    before = channel(one.before)
    if one.why in _ENDED:
        return f"{about(one.about)}: {before} {_ENDED[one.why]}, og går nå som {channel(one.channel)}."
    return f"{about(one.about)}: sendes på nytt som {channel(one.channel)}."
