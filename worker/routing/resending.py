"""Where an invoice goes that a person asks to have delivered once more: the channel's rules hold for people too."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from worker.model import efaktura
from worker.model.channel import Channel
from worker.model.party import MOST_ADDRESSES, email_addresses
from worker.routing.choose import Debtor, RoutingRules, Terms, is_print_only
from worker.routing.debtor import debtor_of, terms_of
from worker.store.resending import CannotResend
from worker.store.rows import DeliveryRow, InvoiceRow
from worker.support.pdf import lettering
from worker.support.pdf.window import DoesNotFit, address_lines


def resend_address(
    channel: Channel,
    invoice: InvoiceRow,
    rules: RoutingRules,
    *,
    given: str,
    earlier: Sequence[DeliveryRow],
    today: date,
) -> str:
    """The address of the new delivery. `given`: the person's own, for e-mail and letters. Raises CannotResend."""
    debtor, terms = debtor_of(invoice), terms_of(invoice)
    if is_print_only(debtor, rules) and channel is not Channel.LETTER:
        raise CannotResend("the debtor gets letters only: its e-mail is the client's print-only address")
    if channel in (Channel.EMAIL_LINK, Channel.EMAIL_PDF):
        return _emails(given or debtor.email, given=bool(given))
    if channel is Channel.LETTER:
        return "\n".join(_postal(given) if given else debtor.address_lines)
    if given:
        raise CannotResend(_FIXED[channel])
    if channel is Channel.EHF:
        return _participant(debtor)
    return _consumer(debtor, terms, rules, earlier, today)


_FIXED = {
    Channel.EHF: "an EHF goes to the electronic address in the document: --address is for e-mail and letters",
    Channel.EFAKTURA: "an eFaktura goes to the person the provider has found: --address is for e-mail and letters",
}


def _postal(text: str) -> list[str]:
    """The lines of a postal address, name first, with ; between."""
    lines = [" ".join(part.split()) for part in text.replace("\n", ";").split(";")]
    lines = [line for line in lines if line]
    if not 3 <= len(lines) <= 6 or not all(line.isprintable() for line in lines):
        raise CannotResend("--address must be three to six lines with ; between: name, street, postal code and city")
    try:
        lettering.load()
        address_lines(lines)
    except DoesNotFit as error:
        raise CannotResend(str(error)) from None
    return lines


def _emails(text: str, *, given: bool) -> str:
    found = email_addresses(text)
    written = [part for part in text.replace(",", ";").split(";") if part.strip()]
    if len(written) > MOST_ADDRESSES:
        raise CannotResend(f"at most {MOST_ADDRESSES} addresses")
    if given and not all(email_addresses(part) for part in written):
        raise CannotResend("--address must be e-mail addresses, with ; between")
    if not found:
        raise CannotResend("the debtor has no usable e-mail address: give one with --address")
    return "; ".join(found)


def _participant(debtor: Debtor) -> str:
    if not debtor.participant:
        raise CannotResend("the document has no electronic address for the debtor")
    if debtor.peppol_faults:
        raise CannotResend(f"the document cannot go as EHF: {'; '.join(debtor.peppol_faults)}")
    return debtor.participant


def _consumer(debtor: Debtor, terms: Terms, rules: RoutingRules, earlier: Sequence[DeliveryRow], today: date) -> str:
    if not debtor.is_person:
        raise CannotResend("eFaktura is for private persons")
    if not rules.efaktura:
        raise CannotResend("eFaktura is off for this client")
    fault = efaktura.why_not(currency=terms.currency, due_date=terms.due_date, is_credit=terms.is_credit, today=today)
    if fault:
        raise CannotResend(fault)
    known = [row.address for row in earlier if row.channel == Channel.EFAKTURA]
    if not known:
        raise CannotResend("the person has not been found at the eFaktura provider: choose another channel")
    return known[-1]
