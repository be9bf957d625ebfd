"""The portal's sentences, by language. `{client}` sold, `{factor}` is paid.

E‑post and e‑mail have a hyphen that does not break: on a phone the word would be cut in two.
"""

from __future__ import annotations

from collections.abc import Mapping

LANGUAGES = ("nb", "en")

_NB = {
    "other_language": "English",
    "invoice": "Faktura",
    "credit_note": "Kreditnota",
    "code_heading_invoice": "Se fakturaen fra {client}",
    "code_heading_credit_note": "Se kreditnotaen fra {client}",
    "code_intro": "Skriv inn koden på seks sifre som du har fått på e‑post.",
    "code_label": "Kode",
    "code_hint": "Seks sifre. Mellomrom gjør ikke noe.",
    "code_button": "Vis fakturaen",
    "code_button_credit_note": "Vis kreditnotaen",
    "ask_heading": "Finner du ikke koden?",
    "ask": "Vi kan sende en ny kode til e‑postadressen lenken ble sendt til, og bare dit.",
    "ask_button": "Send ny kode",
    "asked": "Kan lenken få en ny kode, kommer den om noen minutter til e‑postadressen lenken ble sendt til. "
    "Bruk den nyeste koden.",
    "why_invoice": "{client} bruker {factor} til å sende fakturaene sine og ta imot betalingen.",
    "why_credit_note": "{client} bruker {factor} til å sende fakturaer og kreditnotaer og følge opp oppgjøret.",
    "safe": "Her spør vi bare etter koden fra e‑posten, aldri om BankID, passord eller kortnummer.",
    "error_prefix": "Feil: ",
    "code_malformed": "En kode har seks sifre. Se etter i e‑posten og prøv igjen.",
    "code_wrong": "Koden er feil. Du har {tries} forsøk igjen.",
    "code_wrong_once": "Koden er feil. Du har ett forsøk igjen.",
    "again_heading": "Skriv inn koden på nytt",
    "again": "Av sikkerhetsgrunner viser vi fakturaen i en halvtime av gangen. Åpne lenken i e‑posten og skriv inn "
    "koden igjen. Nettleseren må tillate informasjonskapsler.",
    "locked_heading": "Lenken er låst",
    "locked": "Det er skrevet inn feil kode for mange ganger. Den gamle koden gjelder ikke lenger. "
    "Be om en ny, eller kontakt {factor}.",
    "expired_heading": "Lenken er utløpt",
    "expired": "Lenken gjaldt en begrenset tid, og den er over. Det endrer ikke på fakturaen. "
    "Kontakt {factor} hvis du trenger den på nytt.",
    "withdrawn_heading": "Lenken er trukket tilbake",
    "withdrawn": "Den viser ikke lenger noen faktura. Kontakt {factor} før du betaler.",
    "credited_heading": "Fakturaen er kreditert",
    "credited": "Den er erstattet av en kreditnota, og du skal ikke betale den. Kontakt {factor} hvis du har betalt "
    "allerede.",
    "missing_heading": "Siden finnes ikke",
    "missing": "Vi finner ingen faktura på denne adressen. Åpne lenken i e‑posten på nytt, og se etter at "
    "hele adressen kom med.",
    "slow_heading": "Vent litt",
    "slow": "Det er skrevet inn mange feil koder fra nettverket ditt. Vent en time og prøv igjen.",
    "trouble_heading": "Noe gikk galt hos oss",
    "trouble": "Fakturaen kan ikke vises akkurat nå. Prøv igjen om litt. Feilen ligger hos oss, og vi er varslet.",
    "refused_heading": "Det gikk ikke",
    "refused": "Siden tok ikke imot det som ble sendt. Gå tilbake til lenken i e‑posten og prøv igjen.",
    "contact": "Kontakt {factor}:",
    "heading": "{kind} {number}",
    "from": "Fra {client}",
    "to_pay": "Å betale",
    "rest": "Gjenstår å betale",
    "amount": "Beløp",
    "credited_amount": "Kreditert beløp",
    "invoice_amount": "Fakturabeløp",
    "paid_amount": "Innbetalt",
    "is_paid": "Fakturaen er betalt. Du skal ikke betale noe mer.",
    "lately_paid": "Har du nettopp betalt? Det kan gå noen dager før det vises her.",
    "copy": "Kopier",
    "copied": "Kopiert",
    "is_copied": "er kopiert",
    "due": "Forfallsdato",
    "payee": "Betal til",
    "account": "Kontonummer",
    "kid": "KID",
    "number_invoice": "Fakturanummer",
    "number_credit_note": "Kreditnotanummer",
    "nothing_to_pay": "Det er ingenting å betale.",
    "view": "Vis PDF",
    "download": "Last ned PDF",
    "notice_heading_invoice": "Dette står på fakturaen",
    "notice_heading_credit_note": "Dette står på kreditnotaen",
    "why_heading": "Hvorfor {factor}?",
    "why_pay": "{client} bruker {factor} til å sende fakturaene sine og ta imot betalingen. Betal derfor til "
    "kontonummeret over. Spørsmål om varen eller tjenesten tar du med {client}.",
    "sent_by": "Siden eies av {factor}, på vegne av {client}.",
    "owned_by": "Siden eies av {factor}.",
}

_EN = {
    "other_language": "Norsk",
    "invoice": "Invoice",
    "credit_note": "Credit note",
    "code_heading_invoice": "See the invoice from {client}",
    "code_heading_credit_note": "See the credit note from {client}",
    "code_intro": "Enter the six-digit code you have received by e‑mail.",
    "code_label": "Code",
    "code_hint": "Six digits. Spaces do no harm.",
    "code_button": "Show the invoice",
    "code_button_credit_note": "Show the credit note",
    "ask_heading": "Cannot find the code?",
    "ask": "We can send a new code to the e‑mail address the link was sent to, and nowhere else.",
    "ask_button": "Send a new code",
    "asked": "If this link may have a new code, it comes within minutes to the e‑mail address the link was sent to. "
    "Use the newest code.",
    "why_invoice": "{client} uses {factor} to send its invoices and to receive the payments.",
    "why_credit_note": "{client} uses {factor} to send invoices and credit notes and to handle settlement.",
    "safe": "All we ask for here is the code from the e‑mail, never BankID, a password or a card number.",
    "error_prefix": "Error: ",
    "code_malformed": "A code has six digits. Please check the e‑mail and try again.",
    "code_wrong": "That code is wrong. You have {tries} tries left.",
    "code_wrong_once": "That code is wrong. You have one try left.",
    "again_heading": "Enter the code again",
    "again": "For your security we show the invoice for half an hour at a time. Open the link in the e‑mail and enter "
    "the code again. Your browser must allow cookies.",
    "locked_heading": "This link is locked",
    "locked": "A wrong code was entered too many times. The old code no longer counts. "
    "Ask for a new one, or contact {factor}.",
    "expired_heading": "This link has expired",
    "expired": "The link was valid for a limited time, which is over. That does not change the invoice. "
    "Contact {factor} if you need it again.",
    "withdrawn_heading": "This link has been withdrawn",
    "withdrawn": "It no longer shows an invoice. Contact {factor} before you pay.",
    "credited_heading": "The invoice has been credited",
    "credited": "A credit note has replaced it, and you shall not pay it. Contact {factor} if you have paid already.",
    "missing_heading": "Page not found",
    "missing": "We find no invoice at this address. Open the link in the e‑mail again, and check that the "
    "whole address came along.",
    "slow_heading": "Please wait",
    "slow": "Many wrong codes have been entered from your network. Wait an hour and try again.",
    "trouble_heading": "Something went wrong on our side",
    "trouble": "The invoice cannot be shown right now. Please try again in a while. The fault is ours, and we have "
    "been told.",
    "refused_heading": "That did not work",
    "refused": "The page did not accept what was sent. Go back to the link in the e‑mail and try again.",
    "contact": "Contact {factor}:",
    "heading": "{kind} {number}",
    "from": "From {client}",
    "to_pay": "Amount due",
    "rest": "Left to pay",
    "amount": "Amount",
    "credited_amount": "Amount credited",
    "invoice_amount": "Invoice amount",
    "paid_amount": "Paid",
    "is_paid": "The invoice is paid. There is nothing more to pay.",
    "lately_paid": "Have you just paid? It may take a few days before it shows here.",
    "copy": "Copy",
    "copied": "Copied",
    "is_copied": "is copied",
    "due": "Due date",
    "payee": "Pay to",
    "account": "Account number",
    "kid": "Payment reference (KID)",
    "number_invoice": "Invoice number",
    "number_credit_note": "Credit note number",
    "nothing_to_pay": "There is nothing to pay.",
    "view": "View PDF",
    "download": "Download PDF",
    "notice_heading_invoice": "Stated on the invoice",
    "notice_heading_credit_note": "Stated on the credit note",
    "why_heading": "Why {factor}?",
    "why_pay": "{client} uses {factor} to send its invoices and to receive the payments. Please pay to the account "
    "above. Questions about the goods or services go to {client}.",
    "sent_by": "This page belongs to {factor}, on behalf of {client}.",
    "owned_by": "This page belongs to {factor}.",
}

_WORDS = {"nb": _NB, "en": _EN}


class Words:
    """Sentences of one language with the names filled in."""

    def __init__(self, language: str, **names: object) -> None:
        self.language = language if language in LANGUAGES else "nb"
        self._names: Mapping[str, object] = names

    def __call__(self, key: str, **names: object) -> str:
        return _WORDS[self.language][key].format_map({**self._names, **names})


def name_of(kind: str, language: str) -> str:
    """`Faktura`, `Credit note`."""
    return _WORDS[language][kind]


def language_of(accepted: str) -> str | None:
    """The first language a browser accepts that is ours (`Accept-Language`), or None."""
    for part in accepted.lower().split(","):
        tag = part.partition(";")[0].strip().partition("-")[0]
        if tag in ("nb", "no", "nn"):
            return "nb"
        if tag == "en":
            return "en"
    return None
