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
    "code_intro": "Skriv inn koden på seks sifre. Den står i samme e‑post som lenken.",
    "code_label": "Kode",
    "code_button": "Vis fakturaen",
    "code_button_credit_note": "Vis kreditnotaen",
    "why_invoice": "{client} bruker {factor} til å sende fakturaene sine og ta imot betalingen.",
    "why_credit_note": "{client} bruker {factor} til å sende fakturaer og kreditnotaer og følge opp oppgjøret.",
    "safe": "Her spør vi bare etter koden fra e‑posten, aldri om BankID, passord eller kortnummer.",
    "error_prefix": "Feil: ",
    "code_malformed": "En kode har seks sifre. Se etter i e‑posten og prøv igjen.",
    "code_wrong": "Koden er feil. Du har {tries} forsøk igjen.",
    "code_wrong_once": "Koden er feil. Du har ett forsøk igjen.",
    "session_over": "Av sikkerhetsgrunner må du skrive inn koden på nytt. Nettleseren må tillate informasjonskapsler "
    "for at vi skal kunne vise fakturaen.",
    "locked_heading": "Lenken er låst",
    "locked": "Det er skrevet inn feil kode for mange ganger, og lenken kan ikke brukes mer. "
    "Kontakt {factor} for å få fakturaen på nytt.",
    "gone_heading": "Lenken gjelder ikke lenger",
    "gone": "Lenken er utløpt, eller fakturaen er trukket tilbake. Kontakt {factor} hvis du trenger fakturaen.",
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
    "amount": "Beløp",
    "credited": "Kreditert beløp",
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
    "code_intro": "Enter the six-digit code. It is in the same e‑mail as the link.",
    "code_label": "Code",
    "code_button": "Show the invoice",
    "code_button_credit_note": "Show the credit note",
    "why_invoice": "{client} uses {factor} to send its invoices and to receive the payments.",
    "why_credit_note": "{client} uses {factor} to send invoices and credit notes and to handle settlement.",
    "safe": "All we ask for here is the code from the e‑mail, never BankID, a password or a card number.",
    "error_prefix": "Error: ",
    "code_malformed": "A code has six digits. Please check the e‑mail and try again.",
    "code_wrong": "That code is wrong. You have {tries} tries left.",
    "code_wrong_once": "That code is wrong. You have one try left.",
    "session_over": "For your security, please enter the code again. Your browser must allow cookies for us to show "
    "the invoice.",
    "locked_heading": "This link is locked",
    "locked": "A wrong code was entered too many times, and the link can no longer be used. "
    "Contact {factor} to get the invoice again.",
    "gone_heading": "This link is no longer valid",
    "gone": "The link has expired, or the invoice has been withdrawn. Contact {factor} if you need the invoice.",
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
    "amount": "Amount",
    "credited": "Amount credited",
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


def language_of(stated: str | None, accepted: str) -> str | None:
    """The language asked for by the switch, else by the browser when it reads Norwegian or English; None: not said."""
    if stated in LANGUAGES:
        return stated
    for part in accepted.lower().split(","):
        tag = part.partition(";")[0].strip().partition("-")[0]
        if tag in ("nb", "no", "nn"):
            return "nb"
        if tag == "en":
            return "en"
    return None
