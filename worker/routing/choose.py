"""Choosing the channel: a pure function of invoice, debtor, client settings, reach and date (design §6)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from worker.model import efaktura
from worker.model.channel import FACTS, Channel, Reach, ReachAnswer
from worker.model.parked import ParkedReason
from worker.model.party import PostalAddress, email_addresses
from worker.ports import ConsumerAnswer

# From this date a business that can receive EHF must get EHF (Lov 19 June 2026 nr. 39; bokføringsforskriften § 5-2-9).
EHF_DUTY_FROM = date(2027, 1, 1)


@dataclass(frozen=True, slots=True)
class RoutingRules:
    """The client's choices. `print_only_address`: compared without regard to case. `issuer` is the client's own
    organisation number, `efaktura_tenant` its name at the eFaktura provider."""

    email_channel: Channel
    print_only_address: str
    unopened_days: int
    efaktura: bool = False
    issuer: str = ""
    efaktura_tenant: str = ""


@dataclass(frozen=True, slots=True)
class Debtor:
    """What routing needs to know about the debtor of one invoice.

    `participant`: the document's electronic address as `scheme:value`, empty when it has none. `address_lines`: as they
    will stand in the window. `peppol_faults`: why the document must not go over Peppol, by rule. `name` and `phone`: by
    which a person is found among the banks' customers.
    """

    is_person: bool
    postal_address: PostalAddress
    address_lines: tuple[str, ...]
    email: str
    participant: str
    peppol_faults: tuple[str, ...] = ()
    name: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """What routing needs to know about the invoice."""

    currency: str
    due_date: date | None
    is_credit: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """`channel` or `park`, never both. `considered`: (channel, why it was passed over or taken), in order."""

    channel: Channel | None
    address: str
    reason: str
    considered: tuple[tuple[str, str], ...]
    park: ParkedReason | None = None
    ehf_duty: bool = False


def is_print_only(debtor: Debtor, rules: RoutingRules) -> bool:
    """The invoice e-mail is the client's print-only address: letter, nothing else, ever."""
    wanted = rules.print_only_address.casefold().strip()
    # Split as e-mail addresses are: an ERP's field may hold several, with `;` or `,` between.
    return bool(wanted) and wanted in (part.strip().casefold() for part in re.split("[;,]", debtor.email))


def needs_lookup(debtor: Debtor, rules: RoutingRules, today: date) -> bool:
    """Whether the answer of the Peppol look-up matters for the decision or for the EHF duty."""
    if debtor.is_person or not debtor.participant or not debtor.postal_address.complete:
        return False
    return not is_print_only(debtor, rules) or today >= EHF_DUTY_FROM


def needs_consumer_lookup(debtor: Debtor, terms: Terms, rules: RoutingRules, today: date) -> bool:
    """Whether the decision hangs on the person's yes or no to eFaktura: only then is anybody told of the person."""
    if not debtor.postal_address.complete or is_print_only(debtor, rules):
        return False
    return _efaktura_ruled_out(debtor, terms, rules, today) is None


def choose(
    debtor: Debtor,
    terms: Terms,
    rules: RoutingRules,
    *,
    reach: ReachAnswer | None,
    consumer: ConsumerAnswer | None = None,
    today: date,
) -> Decision:
    """The way out. `reach` is the Peppol answer (None: not asked), `consumer` the eFaktura one.

    An unknown Peppol answer parks. An unknown eFaktura answer is passed over: whoever calls has waited for a better one
    as long as it wants to (docs/decisions/2026-11-21-an-unknown-consumer-goes-by-e-mail.md).
    """
    passed: list[tuple[str, str]] = []

    if not debtor.postal_address.complete:
        gaps = ", ".join(debtor.postal_address.missing)
        return Decision(None, "", f"postal address lacks {gaps}", (), park=ParkedReason.MISSING_POSTAL_ADDRESS)

    duty = (
        today >= EHF_DUTY_FROM
        and not debtor.is_person
        and debtor.postal_address.norwegian
        and reach is not None
        and reach.reach is Reach.YES
    )
    if is_print_only(debtor, rules):
        passed.append((Channel.EHF, "the debtor's e-mail is the print-only address"))
        return _letter(debtor, "the debtor gets letters only (print-only address)", passed, ehf_duty=duty)

    if debtor.is_person:
        passed.append((Channel.EHF, "a private person"))
    elif not debtor.participant:
        passed.append((Channel.EHF, "the document has no electronic address for the debtor"))
    elif reach is None or reach.reach is Reach.UNKNOWN:
        why = reach.evidence if reach else "not looked up"
        return Decision(
            None, "", f"whether the debtor can receive EHF is unknown: {why}", tuple(passed),
            park=ParkedReason.REACH_UNKNOWN,
        )  # fmt: skip
    elif reach.reach is Reach.YES and debtor.peppol_faults:
        # It must be EHF, and no receiver would take this one.
        return Decision(None, "", "; ".join(debtor.peppol_faults), tuple(passed), park=ParkedReason.DOCUMENT_INVALID)
    elif reach.reach is Reach.YES:
        reason = "the debtor receives EHF"
        return Decision(Channel.EHF, debtor.participant, reason, ((Channel.EHF, f"{reason}: {reach.evidence}"),))
    else:
        passed.append((Channel.EHF, reach.evidence))

    why_not = _efaktura_ruled_out(debtor, terms, rules, today) or _not_a_consumer(consumer)
    if why_not is None and consumer is not None:
        reason = "the person receives eFaktura"
        told = (Channel.EFAKTURA, f"{reason}: {consumer.evidence}")
        return Decision(Channel.EFAKTURA, consumer.reference, reason, (*passed, told))
    passed.append((Channel.EFAKTURA, why_not or ""))

    addresses = email_addresses(debtor.email)
    if addresses:
        reason = f"no EHF; has an e-mail address, and the client has chosen {FACTS[rules.email_channel].english}"
        return Decision(
            rules.email_channel,
            "; ".join(addresses),
            reason,
            (*passed, (rules.email_channel, reason)),
            ehf_duty=duty,
        )
    passed.append((rules.email_channel, "no usable e-mail address"))
    return _letter(debtor, "no electronic way to the debtor", passed, ehf_duty=duty)


def _efaktura_ruled_out(debtor: Debtor, terms: Terms, rules: RoutingRules, today: date) -> str | None:
    """Why eFaktura is passed over whatever the person says; None when it is the person's yes that counts."""
    if not debtor.is_person:
        return "not a private person"
    if not rules.efaktura:
        return "eFaktura is off for this client"
    return efaktura.why_not(currency=terms.currency, due_date=terms.due_date, is_credit=terms.is_credit, today=today)


def _not_a_consumer(consumer: ConsumerAnswer | None) -> str | None:
    if consumer is None or consumer.reach is Reach.UNKNOWN:
        why = consumer.evidence if consumer else "not looked up"
        return f"whether the person can receive eFaktura could not be found out: {why}"
    if consumer.reach is Reach.NO:
        return f"the person cannot receive eFaktura: {consumer.evidence}"
    return None if consumer.reference else "the person receives eFaktura, but the provider gave no reference to send to"


def _letter(debtor: Debtor, reason: str, passed: list[tuple[str, str]], *, ehf_duty: bool = False) -> Decision:
    return Decision(
        Channel.LETTER,
        "\n".join(debtor.address_lines),
        reason,
        (*passed, (Channel.LETTER, reason)),
        ehf_duty=ehf_duty,
    )


def next_channel(
    failed: Channel, debtor: Debtor, rules: RoutingRules, *, tried: frozenset[Channel], why: str
) -> Decision:
    """The channel after `failed` ended for good: the next of its list that the debtor can receive and was not tried.

    None left: park as NO_CHANNEL_LEFT. Never the same channel twice by itself.
    """
    passed: list[tuple[str, str]] = [(failed, why)]
    for channel in FACTS[failed].next_after_refusal:
        if channel in tried:
            passed.append((channel, "already tried"))
        elif channel in (Channel.EMAIL_LINK, Channel.EMAIL_PDF):
            addresses = email_addresses(debtor.email)
            if channel is not rules.email_channel:
                continue
            if not addresses or is_print_only(debtor, rules):
                passed.append((channel, "no usable e-mail address"))
                continue
            reason = f"{FACTS[failed].english} ended: {why}"
            return Decision(channel, "; ".join(addresses), reason, (*passed, (channel, reason)))
        elif channel is Channel.LETTER:
            return _letter(debtor, f"{FACTS[failed].english} ended: {why}", passed)
    return Decision(
        None, "", f"no channel after {FACTS[failed].english}: {why}", tuple(passed),
        park=ParkedReason.NO_CHANNEL_LEFT,
    )  # fmt: skip
