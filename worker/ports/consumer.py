"""eFaktura: whether a private person can receive it, and the provider that takes it to the person's bank.

The person is found by what the customer card holds (name, address, e-mail, phone). A national identity number is
neither asked for, nor passed on, nor stored: personopplysningsloven § 12 allows it only where nothing else will do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from worker.model.channel import Reach
from worker.model.party import PostalAddress
from worker.ports.peppol import Submission


@dataclass(frozen=True, slots=True)
class Consumer:
    """Whom to look up. Personal data, so nothing of it shows in a repr. Empty: the customer card does not say."""

    name: str = field(repr=False)
    address: PostalAddress = field(repr=False)
    email: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ConsumerAnswer:
    """Whether the person can receive eFaktura from this issuer.

    `reference`: what `send` needs to reach the same person, in the provider's own form; empty unless YES. It is kept
    as the delivery's address and never logged. `evidence`: who answered what, without personal data, for the decision.
    """

    reach: Reach
    evidence: str
    reference: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ConsumerInvoice:
    """One invoice for a person's bank. `key` is ours (a UUID), the same on every try.

    `tenant` is the provider's name for the client (a setting of the client's), `issuer` the seller's nine digits
    (utsteder). `amount_minor` is øre, always positive; `account` 11 digits; `kid` may be empty. `pdf` is the stamped
    PDF, and `xml` the stamped EHF for providers that want the document's own values beside it.
    """

    key: str
    tenant: str
    issuer: str
    reference: str = field(repr=False)
    number: str
    issue_date: date
    due_date: date
    amount_minor: int
    account: str = field(repr=False)
    kid: str = field(repr=False)
    file_name: str
    pdf: bytes = field(repr=False)
    xml: bytes = field(repr=False)


class ConsumerChannel(Protocol):
    """The way into the banks' eFaktura."""

    async def lookup(self, *, tenant: str, issuer: str, consumer: Consumer) -> ConsumerAnswer:
        """Whether the person can receive from `issuer` now. Never raises: trouble is UNKNOWN, which is asked again for
        a while; facts that fit nobody, or more than one person, are NO."""
        ...

    async def send(self, *, invoice: ConsumerInvoice) -> Submission:
        """Hand the invoice over. Never call twice for a key without asking `status` in between; a key the provider
        already has is answered with what it has.

        SUBMITTED: the provider has taken it over, and bank or person may still turn it down (REFUSED later).
        DELIVERED: the bank shows it, and nothing can come back. Raises the outcomes of worker.model.outcomes.
        """
        ...

    async def status(self, *, tenant: str, key: str) -> Submission | None:
        """What became of it; None when the provider has never seen the key. Raises as `send` does."""
        ...

    async def aclose(self) -> None: ...
