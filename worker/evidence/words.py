"""What stands in historie.txt, in Norwegian: the story's events, why an invoice waited, what the receiver said, money.

Written for a debtor or a court: who of the staff did something, and what they noted about it, is in story.json alone.
"""

from __future__ import annotations

from worker.model.bounce import ReportKind
from worker.model.channel import FACTS, Channel
from worker.model.journey import DeliveryEvent, DeliveryState, JourneyEvent
from worker.model.letter import ReceiptStatus
from worker.model.parked import ParkedReason
from worker.model.receiver import Source
from worker.model.settlement import EventKind
from worker.store.holds import REMOVED

_J, _D = JourneyEvent, DeliveryEvent


def channel_name(channel: str) -> str:
    """As mails and letters call it."""
    return FACTS[Channel(channel)].norwegian if channel in set(Channel) else channel or "-"


# {way} is "Levering 1 (brev)". What else belongs to the event is put after it.
EVENTS: dict[str, str] = {
    "fetched": "Hentet fra selgers regnskapssystem",
    _J.CHECK_PASSED: "Kontrollert",
    _J.STAMPING_DONE: "Stemplet med factoringselskapets konto, KID og tekst om pantsettelse eller overdragelse",
    _J.REGISTRATION_DONE: "Meldt til factoringselskapets reskontro",
    _J.ROUTE_CHOSEN: "Leveringsmåte valgt",
    _J.DELIVERY_STARTED: "Utsending påbegynt",
    _J.HANDED_OVER: "Står som levert",
    _J.ERP_TOLD: "Meldt til selgers regnskapssystem",
    _J.PARKED: "Satt på vent",
    _J.RESUMED: "Tatt opp igjen",
    _J.WITHDRAWN: "Tatt ut av den automatiske behandlingen; ingenting mer blir sendt",
    f"delivery_{_D.CLAIMED}": "{way}: sending påbegynt",
    f"delivery_{_D.ACCEPTED}": "{way}: overlevert til {carrier}",
    f"delivery_{_D.CONFIRMED}": "{way}: {receipt}",
    f"delivery_{_D.TRY_LATER}": "{way}: kunne ikke sendes nå, prøves igjen",
    f"delivery_{_D.REFUSED}": "{way}: avvist eller kommet i retur",
    f"delivery_{_D.UNKNOWN}": "{way}: det er ikke kjent om den kom fram",
    f"delivery_{_D.NEVER_ARRIVED}": "{way}: kom ikke fram, sendes på nytt",
    f"delivery_{_D.OPENED}": "{way}: åpnet med lenke og kode",
    f"delivery_{_D.EXPIRED}": "{way}: ikke åpnet innen fristen",
    f"delivery_{_D.STOPPED}": "{way}: stanset før den ble sendt",
    f"receiver_{Source.MLS}": "{way}: svar fra mottakers aksesspunkt",
    f"receiver_{Source.INVOICE_RESPONSE}": "{way}: svar fra mottaker",
    f"bounce_{ReportKind.FAILED}": "{way}: e-posten kom ikke fram",
    f"bounce_{ReportKind.DELAYED}": "{way}: e-posten er forsinket",
    f"bounce_{ReportKind.DELIVERED}": "{way}: e-posttjeneren melder at e-posten er levert",
    f"bounce_{ReportKind.AUTO_REPLY}": "{way}: automatisk svar på e-posten",
    f"bounce_{ReportKind.OTHER}": "{way}: annet svar på e-posten",
    f"bounce_{ReportKind.UNREADABLE}": "{way}: svar på e-posten som ikke kan leses",
    "code_sent": "{way}: koden er sendt i egen e-post",
    "code_ready": "{way}: koden kunne ikke sendes nå, prøves igjen",
    "code_unknown": "{way}: det er ikke kjent om e-posten med koden kom fram",
    "code_refused": "{way}: e-posten med koden ble avvist",
    f"letter_{ReceiptStatus.RECEIVED}": "{way}: trykkeriet har mottatt brevet",
    f"letter_{ReceiptStatus.REJECTED}": "{way}: trykkeriet har avvist brevet",
    f"letter_{ReceiptStatus.PRINTED}": "{way}: brevet er trykt",
    f"letter_{ReceiptStatus.POSTED}": "{way}: brevet er sendt med posten",
    f"letter_{ReceiptStatus.RETURNED}": "{way}: brevet er kommet i retur",
    "erp_status_told": "Meldt til selgers regnskapssystem",
    "resend_asked": "{way}: ny utsending bestilt av en saksbehandler",
    "due_date_changed": "Ny forfallsdato",
    REMOVED[0]: "Dokumentene er slettet fordi lagringstiden var over",
    REMOVED[1]: "Personopplysningene er slettet fordi lagringstiden var over",
}

# Events whose detail is the other side's own words: they are quoted.
QUOTED = frozenset(
    {
        f"delivery_{_D.REFUSED}", f"delivery_{_D.TRY_LATER}",
        f"bounce_{ReportKind.FAILED}", f"bounce_{ReportKind.DELAYED}", "code_refused",
    }
)  # fmt: skip

# What became of a delivery that the other side does not have.
NOT_THERE: dict[str, str] = {
    DeliveryState.READY: "ikke sendt",
    DeliveryState.SENDING: "det er ikke kjent om den kom fram",
    DeliveryState.UNKNOWN: "det er ikke kjent om den kom fram",
    DeliveryState.REFUSED: "ikke levert, avvist eller kommet i retur",
    DeliveryState.STOPPED: "stanset før den ble sendt",
}

CARRIERS: dict[str, str] = {
    Channel.EHF: "aksesspunktet",
    Channel.EFAKTURA: "eFaktura-leverandøren",
    Channel.EMAIL_LINK: "e-posttjeneren",
    Channel.EMAIL_PDF: "e-posttjeneren",
    Channel.LETTER: "trykkeriet",
}
RECEIPTS: dict[str, str] = {
    Channel.EHF: "mottatt av mottakers aksesspunkt",
    Channel.EFAKTURA: "levert til mottakers nettbank",
    Channel.LETTER: "brevet er levert til Posten",
}

RESPONSES: dict[tuple[str, str], str] = {
    (Source.MLS, "AP"): "sendt videre til mottaker",
    (Source.MLS, "AB"): "sendt videre til mottaker, ikke bekreftet",
    (Source.MLS, "RE"): "avvist etter at den var mottatt",
    (Source.INVOICE_RESPONSE, "AB"): "mottatt",
    (Source.INVOICE_RESPONSE, "IP"): "under behandling",
    (Source.INVOICE_RESPONSE, "UQ"): "mottaker har spørsmål",
    (Source.INVOICE_RESPONSE, "CA"): "godtatt på vilkår",
    (Source.INVOICE_RESPONSE, "RE"): "mottaker avviser fakturaen",
    (Source.INVOICE_RESPONSE, "AP"): "godtatt",
    (Source.INVOICE_RESPONSE, "PD"): "betalt, etter mottakers opplysning",
}

_R = ParkedReason
PARKED: dict[ParkedReason, str] = {
    _R.DOCUMENT_UNREADABLE: "dokumentet fra regnskapssystemet kan ikke leses",
    _R.DOCUMENT_HAS_DTD: "dokumentet har en DTD, og slike leses ikke",
    _R.DOCUMENT_TYPE_UNKNOWN: "dokumentet er ikke en vanlig EHF-faktura eller kreditnota",
    _R.DOCUMENT_IS_REMINDER: "dokumentet er en purring og ikke et nytt krav",
    _R.DOCUMENT_SIGNED: "dokumentet er signert og kan ikke stemples",
    _R.NUMBER_MISMATCH: "fakturanummeret i listen og i dokumentet er ikke det samme",
    _R.AMOUNT_MISMATCH: "beløpet i listen og i dokumentet er ikke det samme",
    _R.KIND_MISMATCH: "listen og dokumentet er ikke enige om det er faktura eller kreditnota",
    _R.TOTALS_DISAGREE: "summene i dokumentet stemmer ikke",
    _R.WRONG_SELLER: "selgeren i dokumentet er en annen",
    _R.OTHER_PAYEE: "dokumentet nevner en annen betalingsmottaker",
    _R.MISSING_DUE_DATE: "forfallsdato mangler",
    _R.CREDITED_INVOICE_UNNAMED: "kreditnotaen sier ikke hvilken faktura den gjelder",
    _R.CUSTOMER_NOT_FOUND: "kundekortet finnes ikke",
    _R.MISSING_POSTAL_ADDRESS: "postadressen er ikke fullstendig",
    _R.KID_OVERFLOW: "et nummer er for langt for KID",
    _R.KID_NO_CHECK_DIGIT: "KID har ikke noe gyldig kontrollsiffer",
    _R.KID_NOT_NUMERIC: "et nummer i KID har andre tegn enn siffer",
    _R.KID_TAKEN: "KID er brukt av en annen faktura",
    _R.OLD_ACCOUNT_LEFT: "selgers eget kontonummer står i teksten eller i et vedlegg, eller et vedlegg kan ikke leses",
    _R.STAMPING_NOT_PROVEN: "det stemplede dokumentet stemte ikke med originalen",
    _R.REGISTRATION_REFUSED: "factoringselskapets reskontro tok ikke imot kravet",
    _R.ENDPOINT_MISMATCH: "den elektroniske adressen i dokumentet er ikke partens egen",
    _R.PDF_NOT_DRAWABLE: "PDF-en kunne ikke tegnes",
    _R.DOCUMENT_INVALID: "dokumentet følger ikke reglene for EHF",
    _R.RULES_GAVE_UP: "kontrollen mot reglene for EHF kunne ikke fullføres",
    _R.REACH_UNKNOWN: "det er ikke kjent om mottaker kan ta imot EHF",
    _R.NO_CHANNEL_LEFT: "den siste leveringsmåten ble avvist",
    _R.ATTEMPTS_EXHAUSTED: "mange forsøk på å sende førte ikke fram",
    _R.SENT_UNKNOWN: "den kan være sendt, men ingen kan si om den kom fram",
    _R.RECEIVER_TURNED_DOWN: "mottaker eller mottakers aksesspunkt har avvist den etter levering",
    _R.LETTER_RETURNED: "brevet kom i retur",
    _R.POSTBACK_REFUSED: "selgers regnskapssystem avviste meldingen om leveringen",
    _R.POSTBACK_EXHAUSTED: "selgers regnskapssystem tok ikke imot meldingen om leveringen",
    _R.DOCUMENT_LOST: "et lagret dokument mangler eller er endret",
    _R.HELD: "stanset av en saksbehandler",
    _R.UNEXPECTED: "en uventet feil",
}

# What concerns the debtor. Fees, advances and payouts are between factor and client.
MONEY: dict[EventKind, str] = {
    EventKind.PAYMENT: "Innbetaling",
    EventKind.DIRECT_PAYMENT: "Betalt direkte til selger",
    EventKind.CREDIT_OFFSET: "Motregnet kreditnota",
    EventKind.INTEREST_CHARGED: "Renter fakturert",
    EventKind.INTEREST_PAID: "Renter innbetalt",
    EventKind.WRITE_OFF: "Avskrevet",
    EventKind.RECOURSE: "Tilbakeført til selger",
    EventKind.DISPUTE: "Innsigelse",
    EventKind.COMPLETED: "Avsluttet",
    EventKind.DUE_DATE_CHANGE: "Ny forfallsdato",
}
