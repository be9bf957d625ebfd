"""Choosing the channel: a pure function of invoice, debtor, client settings, reach and date (design §6)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from worker.model.channel import FACTS, Channel, Reach, ReachAnswer
from worker.model.parked import ParkedReason
from worker.model.party import PostalAddress, email_addresses

# From this date a business that can receive EHF must get EHF (Lov 19 June 2026 nr. 39; bokføringsforskriften § 5-2-9).
EHF_DUTY_FROM = date(2027, 1, 1)


@dataclass(frozen=True, slots=True)
class RoutingRules:
    """The client's choices. `print_only_address`: compared without regard to case."""

    email_channel: Channel
    print_only_address: str
    unopened_days: int
    efaktura: bool = False


@dataclass(frozen=True, slots=True)
class Debtor:
    """What routing needs to know about the debtor of one invoice.

    `participant`: the document's electronic address as `scheme:value`, empty when it has none. `address_lines`: as they
    will stand in the window. `peppol_faults`: why the document must not go over Peppol, by rule.
    """

    is_person: bool
    postal_address: PostalAddress
    address_lines: tuple[str, ...]
    email: str
    participant: str
    peppol_faults: tuple[str, ...] = ()


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


def choose(
    debtor: Debtor,
    terms: Terms,
    rules: RoutingRules,
    *,
    reach: ReachAnswer | None,
    consumer_reach: Reach | None = None,
    today: date,
) -> Decision:
    """The way out. `reach` is the Peppol answer (None: not asked), `consumer_reach` the eFaktura one."""
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

    efaktura = _why_not_efaktura(debtor, terms, rules, consumer_reach, today)
    if efaktura is None:
        reason = "the person says yes to eFaktura"
        return Decision(Channel.EFAKTURA, "", reason, (*passed, (Channel.EFAKTURA, reason)))
    passed.append((Channel.EFAKTURA, efaktura))

    addresses = email_addresses(debtor.email)
    if addresses:
        reason = f"no EHF; has an e-mail address, and the client has chosen {FACTS[rules.email_channel].norwegian}"
        return Decision(
            rules.email_channel,
            "; ".join(addresses),
            reason,
            (*passed, (rules.email_channel, reason)),
            ehf_duty=duty,
        )
    passed.append((rules.email_channel, "no usable e-mail address"))
    return _letter(debtor, "no electronic way to the debtor", passed, ehf_duty=duty)


def _why_not_efaktura(
    debtor: Debtor, terms: Terms, rules: RoutingRules, consumer_reach: Reach | None, today: date
) -> str | None:
    """Why eFaktura is passed over; None when it may be used (NOK, due 3–365 days after sending, person reachable)."""
    if not debtor.is_person:
        return "not a private person"
    if not rules.efaktura:
        return "eFaktura is off for this client"
    if terms.is_credit:
        return "credits do not go as eFaktura"
    if terms.currency != "NOK":
        return f"eFaktura takes NOK only, this is {terms.currency}"
    if terms.due_date is None or not 3 <= (terms.due_date - today).days <= 365:
        return "eFaktura needs a due date 3 to 365 days after sending"
    if consumer_reach is not Reach.YES:
        return "the person cannot receive eFaktura"
    return None


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
            reason = f"{FACTS[failed].norwegian} ended: {why}"
            return Decision(channel, "; ".join(addresses), reason, (*passed, (channel, reason)))
        elif channel is Channel.LETTER:
            return _letter(debtor, f"{FACTS[failed].norwegian} ended: {why}", passed)
    return Decision(
        None, "", f"no channel after {FACTS[failed].norwegian}: {why}", tuple(passed),
        park=ParkedReason.NO_CHANNEL_LEFT,
    )  # fmt: skip
