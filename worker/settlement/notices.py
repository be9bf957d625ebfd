"""What the client is told when a debtor has paid the client instead of the factor. Norwegian, for the client's people.

The vendor's article on factoring: the factor is to be told, the money is strictly to be passed on, other ways may be
agreed upon, and the client books it by hand, typically over an account of its own for such deviations. Nothing is
booked by us.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from worker.model.money import Money
from worker.store.rows import InvoiceRow, ItemRow
from worker.support.wording import account, amount, day


@dataclass(frozen=True, slots=True)
class DirectPayment:
    """A direct payment as the event tells it, KID and total filled in from the invoice where it is known.

    `line`: the short text that stands in the statement.
    """

    item_id: int
    paid_on: date
    amount: Money | None
    invoice_number: str
    kid: str
    pay_to: str

    @property
    def line(self) -> str:
        kid = f", KID {self.kid}" if self.kid else ""
        return f"Overføres til konto {account(self.pay_to)}{kid}. Bokføres av dere, se varselet."


def direct_payment(item: ItemRow, *, factor_account: str, invoice: InvoiceRow | None = None) -> DirectPayment:
    """Of a worklist item of the kind direct_payment. `factor_account`: the client's, eleven digits."""
    facts = item.facts
    number = str(facts.get("invoice_number") or "") or (invoice.number if invoice is not None else "")
    kid = str(facts.get("kid") or "") or ((invoice.kid or "") if invoice is not None else "")
    pay_to = (invoice.account or "") if invoice is not None else ""
    return DirectPayment(item.id, item.event_date, item.amount, number, kid, pay_to or factor_account)


def notice(paid: DirectPayment, *, client_name: str, factor_name: str, contact: str) -> str:
    """The notice, ready to be sent: a first line that is its subject, an empty one, then the text."""
    number = paid.invoice_number
    which = f"faktura {number}" if number else f"fakturaen med KID {paid.kid}" if paid.kid else "en faktura"
    sum_paid = f" på {amount(paid.amount, 'nb')}" if paid.amount is not None else ""
    rows = [
        ("Faktura", number),
        ("Beløp", amount(paid.amount, "nb") if paid.amount is not None else ""),
        ("Betalt", day(paid.paid_on, "nb")),
        ("Til konto", account(paid.pay_to)),
        ("KID", paid.kid or ("" if not number else f"ingen, merk betalingen med faktura {number}")),
    ]
    table = "\n".join(f"  {name + ':':<11}{value}" for name, value in rows if value)
    return f"""\
Betaling av {which} er kommet til dere i stedet for til {factor_name}

Til {client_name}

En debitor har betalt {which}{sum_paid} direkte til dere {day(paid.paid_on, "nb")}. Fakturaen er overdratt eller
pantsatt til {factor_name}, og betalingen skal derfor overføres til oss, om ikke annet er avtalt:

{table}

Slik bokfører dere den: Vi fører den ikke i regnskapet deres. Innbetalingen føres manuelt hos dere, vanligvis debet
bankkonto og kredit en egen mellomregningskonto for slike avvik (ikke mellomregningskontoen mot oss). Når dere har
overført beløpet, føres overføringen mot den samme kontoen. Fakturaen lukkes i kundereskontroen når vi har registrert
betalingen.

Be gjerne debitor om å bruke kontonummeret og KID som står på fakturaen neste gang. Er noe av dette feil, eller er
beløpet allerede overført, si fra til oss.

Hilsen {factor_name}
{contact}
"""
