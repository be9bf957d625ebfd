"""The sentences of the e-mails, by language. Change words here; the layout is in templates/."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worker.delivery.texts import Names

# A sentence that differs by kind has three forms: `invoice` (to be paid), `nothing` (an invoice with nothing to pay)
# and `credit_note`. The reason for paying the factor says "uses … to handle its invoices": right whether the claims are
# assigned or pledged. The binding words are the notice on the document itself.
_NB: dict[str, str | dict[str, str]] = {
    "subject": {
        "invoice": "Faktura {number} fra {client}",
        "nothing": "Faktura {number} fra {client}",
        "credit_note": "Kreditnota {number} fra {client}",
    },
    "link_intro": {
        "invoice": "Du har fått en faktura fra {client}. Åpne den med lenken og koden under.",
        "nothing": "Du har fått en faktura fra {client}. Det er ingenting å betale. "
        "Åpne den med lenken og koden under.",
        "credit_note": "Du har fått en kreditnota fra {client}. Det er ingenting å betale. "
        "Åpne den med lenken og koden under.",
    },
    "link_alone_intro": {
        "invoice": "Du har fått en faktura fra {client}. Åpne den med lenken under. "
        "Koden kommer i en egen e-post om et øyeblikk.",
        "nothing": "Du har fått en faktura fra {client}. Det er ingenting å betale. Åpne den med lenken under. "
        "Koden kommer i en egen e-post om et øyeblikk.",
        "credit_note": "Du har fått en kreditnota fra {client}. Det er ingenting å betale. Åpne den med lenken under. "
        "Koden kommer i en egen e-post om et øyeblikk.",
    },
    "code_subject": {
        "invoice": "Kode til faktura {number} fra {client}",
        "nothing": "Kode til faktura {number} fra {client}",
        "credit_note": "Kode til kreditnota {number} fra {client}",
    },
    "code_first": {
        "invoice": "Her er koden til faktura {number} fra {client}. "
        "Skriv den på siden du kommer til med lenken i den andre e-posten fra oss.",
        "nothing": "Her er koden til faktura {number} fra {client}. "
        "Skriv den på siden du kommer til med lenken i den andre e-posten fra oss.",
        "credit_note": "Her er koden til kreditnota {number} fra {client}. "
        "Skriv den på siden du kommer til med lenken i den andre e-posten fra oss.",
    },
    "code_asked": {
        "invoice": "Her er en ny kode til faktura {number} fra {client}. Skriv den på siden der du ba om den. "
        "Koden du fikk før, virker ikke lenger.",
        "nothing": "Her er en ny kode til faktura {number} fra {client}. Skriv den på siden der du ba om den. "
        "Koden du fikk før, virker ikke lenger.",
        "credit_note": "Her er en ny kode til kreditnota {number} fra {client}. Skriv den på siden der du ba om den. "
        "Koden du fikk før, virker ikke lenger.",
    },
    "code_not_you": "Var det ikke du som ba om koden? Da trenger du ikke gjøre noe: uten denne e-posten kommer ingen "
    "inn. Ikke gi koden til noen.",
    "pdf_intro": {
        "invoice": "Du har fått en faktura fra {client}. Den ligger ved som PDF.",
        "nothing": "Du har fått en faktura fra {client}. Det er ingenting å betale. Fakturaen ligger ved som PDF.",
        "credit_note": "Du har fått en kreditnota fra {client}. Det er ingenting å betale. "
        "Kreditnotaen ligger ved som PDF.",
    },
    "button": {"invoice": "Åpne fakturaen", "nothing": "Åpne fakturaen", "credit_note": "Åpne kreditnotaen"},
    "code_label": "Koden din",
    "by_hand": "Virker ikke knappen? Kopier denne adressen inn i nettleseren:",
    "number": {"invoice": "Fakturanummer", "nothing": "Fakturanummer", "credit_note": "Kreditnotanummer"},
    "amount": {"invoice": "Å betale", "nothing": "Beløp", "credit_note": "Kreditert beløp"},
    "due": "Forfallsdato",
    "account": "Til konto",
    "kid": "KID",
    "unopened": "Er den ikke åpnet innen {days} dager, sender vi den til deg som brev også.",
    "why_heading": "Hvorfor får du dette fra {factor}?",
    "why": {
        "invoice": "{client} bruker {factor} til å sende fakturaene sine og ta imot betalingen. Derfor står "
        "kontonummeret til {factor} på fakturaen, og det er dit du skal betale. "
        "Varen eller tjenesten har du fortsatt fra {client}.",
        "nothing": "{client} bruker {factor} til å sende fakturaene sine og følge opp oppgjøret. "
        "Varen eller tjenesten har du fortsatt fra {client}.",
        "credit_note": "{client} bruker {factor} til å sende fakturaer og kreditnotaer og følge opp oppgjøret. "
        "En kreditnota betyr at du skylder mindre enn før.",
    },
    "safe_link": "Lenken går til {host}. Vi ber aldri om BankID, passord eller kortnummer for å vise deg en faktura.",
    "safe_pdf": "Vi ber aldri om BankID, passord eller kortnummer i en e-post.",
    "contact": "Spørsmål om betalingen? Kontakt {factor}: {contact}. Spørsmål om det du har kjøpt? Kontakt {client}.",
    "sent_by": "Sendt av {factor} på vegne av {client}.",
}

_EN: dict[str, str | dict[str, str]] = {
    "subject": {
        "invoice": "Invoice {number} from {client}",
        "nothing": "Invoice {number} from {client}",
        "credit_note": "Credit note {number} from {client}",
    },
    "link_intro": {
        "invoice": "You have an invoice from {client}. Open it with the link and the code below.",
        "nothing": "You have an invoice from {client}. There is nothing to pay. "
        "Open it with the link and the code below.",
        "credit_note": "You have a credit note from {client}. There is nothing to pay. "
        "Open it with the link and the code below.",
    },
    "link_alone_intro": {
        "invoice": "You have an invoice from {client}. Open it with the link below. "
        "The code follows in a separate e-mail in a moment.",
        "nothing": "You have an invoice from {client}. There is nothing to pay. Open it with the link below. "
        "The code follows in a separate e-mail in a moment.",
        "credit_note": "You have a credit note from {client}. There is nothing to pay. Open it with the link below. "
        "The code follows in a separate e-mail in a moment.",
    },
    "code_subject": {
        "invoice": "Code for invoice {number} from {client}",
        "nothing": "Code for invoice {number} from {client}",
        "credit_note": "Code for credit note {number} from {client}",
    },
    "code_first": {
        "invoice": "Here is the code for invoice {number} from {client}. "
        "Type it on the page that the link in our other e-mail leads to.",
        "nothing": "Here is the code for invoice {number} from {client}. "
        "Type it on the page that the link in our other e-mail leads to.",
        "credit_note": "Here is the code for credit note {number} from {client}. "
        "Type it on the page that the link in our other e-mail leads to.",
    },
    "code_asked": {
        "invoice": "Here is a new code for invoice {number} from {client}. Type it on the page where you asked for it. "
        "The code you had before no longer works.",
        "nothing": "Here is a new code for invoice {number} from {client}. Type it on the page where you asked for it. "
        "The code you had before no longer works.",
        "credit_note": "Here is a new code for credit note {number} from {client}. "
        "Type it on the page where you asked for it. The code you had before no longer works.",
    },
    "code_not_you": "Was it not you who asked? Then there is nothing to do: nobody gets in without this e-mail. "
    "Do not give the code to anybody.",
    "pdf_intro": {
        "invoice": "You have an invoice from {client}. It is attached as a PDF.",
        "nothing": "You have an invoice from {client}. There is nothing to pay. The invoice is attached as a PDF.",
        "credit_note": "You have a credit note from {client}. There is nothing to pay. "
        "The credit note is attached as a PDF.",
    },
    "button": {"invoice": "Open the invoice", "nothing": "Open the invoice", "credit_note": "Open the credit note"},
    "code_label": "Your code",
    "by_hand": "Does the button not work? Copy this address into your browser:",
    "number": {"invoice": "Invoice number", "nothing": "Invoice number", "credit_note": "Credit note number"},
    "amount": {"invoice": "Amount due", "nothing": "Amount", "credit_note": "Amount credited"},
    "due": "Due date",
    "account": "To account",
    "kid": "Payment reference (KID)",
    "unopened": "If it has not been opened within {days} days, we will also send it to you by post.",
    "why_heading": "Why does this come from {factor}?",
    "why": {
        "invoice": "{client} uses {factor} to send its invoices and to receive the payments. That is why the account "
        "of {factor} is on the invoice, and why you should pay there. The goods or services still come from {client}.",
        "nothing": "{client} uses {factor} to send its invoices and to handle settlement. "
        "The goods or services still come from {client}.",
        "credit_note": "{client} uses {factor} to send invoices and credit notes and to handle settlement. "
        "A credit note means that you owe less than before.",
    },
    "safe_link": "The link goes to {host}. "
    "We never ask for BankID, a password or a card number to show you an invoice.",
    "safe_pdf": "We never ask for BankID, a password or a card number in an e-mail.",
    "contact": "Questions about the payment? Contact {factor}: {contact}. "
    "Questions about what you bought? Contact {client}.",
    "sent_by": "Sent by {factor} on behalf of {client}.",
}

_WORDS = {"nb": _NB, "en": _EN}


def named(values: Names) -> dict[str, object]:
    """The names the sentences use. Control characters never reach a mail."""
    given = {
        "number": values.number,
        "client": values.client_name,
        "factor": values.factor_name,
        "contact": values.contact,
    }
    return {name: " ".join(text.split()) for name, text in given.items()}


def pick(language: str, key: str, names: Mapping[str, object]) -> str:
    """One sentence. Raises KeyError for a key that has forms by kind or is unknown."""
    sentence = _WORDS[language][key]
    if not isinstance(sentence, str):
        raise KeyError(key)
    return sentence.format_map(names)


def for_kind(values: Names, key: str, names: Mapping[str, object]) -> str:
    """The form of a sentence that fits the document."""
    forms = _WORDS[values.language][key]
    if isinstance(forms, str):
        raise KeyError(key)
    form = "credit_note" if values.is_credit_note else "nothing" if values.is_credit else "invoice"
    return forms[form].format_map(names)
