"""The channels, as policy: what each needs, whether opening can be seen, what comes after a final refusal.

Which vendor carries a channel is wiring's business (design rule 5).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Channel(StrEnum):
    """A way out to the debtor."""

    EHF = "ehf"
    EFAKTURA = "efaktura"
    EMAIL_LINK = "email_link"
    EMAIL_PDF = "email_pdf"
    LETTER = "letter"


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """`needs` names the address a delivery on this channel carries; `next_after_refusal` is in order of trial.

    `norwegian` is what mails, letters and the ERP's texts call it, `english` what the console, the page and a story's
    reasons do. `receipt_follows`: what was handed over is asked about until the receiver's side has said yes or no.
    """

    needs: str
    opening_is_seen: bool
    next_after_refusal: tuple[Channel, ...]
    norwegian: str
    english: str
    receipt_follows: bool = False


# Design §6: EHF → e-mail → letter; eFaktura → e-mail → letter; e-mail → letter. A refused letter is a person's case.
# Which of the two e-mail channels is the client's choice; both are listed and the one not chosen is skipped.
FACTS: dict[Channel, ChannelFacts] = {
    Channel.EHF: ChannelFacts(
        "participant",
        False,
        (Channel.EMAIL_LINK, Channel.EMAIL_PDF, Channel.LETTER),
        "EHF",
        "EHF",
        receipt_follows=True,
    ),
    Channel.EFAKTURA: ChannelFacts(
        "consumer",
        False,
        (Channel.EMAIL_LINK, Channel.EMAIL_PDF, Channel.LETTER),
        "eFaktura",
        "eFaktura",
        receipt_follows=True,
    ),
    Channel.EMAIL_LINK: ChannelFacts("email", True, (Channel.LETTER,), "e-post med lenke", "e-mail with link"),
    Channel.EMAIL_PDF: ChannelFacts("email", False, (Channel.LETTER,), "e-post med PDF", "e-mail with PDF"),
    Channel.LETTER: ChannelFacts("postal_address", False, (), "brev", "letter"),
}


class Reach(StrEnum):
    """Three-valued answer to "can this debtor receive it": an unknown is never turned into a no."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ReachAnswer:
    """The answer and its evidence: what was asked (name, SMP) and what came back, in words.

    `name`: asked for in the DNS. `smp`: host and path of the SMP it led to. `repeats_for`: seconds for which a resolver
    may go on giving this very no. `found`: what the network said, where it is not believed. `looked_up_at`: when;
    `cached`: in an earlier run.
    """

    reach: Reach
    participant: str
    document_type: str
    evidence: str
    name: str = ""
    smp: str = ""
    repeats_for: int = 0
    found: Reach | None = None
    looked_up_at: datetime | None = None
    cached: bool = False

    def as_evidence(self) -> dict[str, Any]:
        """As it is kept with a decision: plain values."""
        return {
            "network": "peppol",
            "participant": self.participant,
            "document_type": self.document_type,
            "answer": str(self.reach),
            "found": str(self.found or self.reach),
            "name": self.name,
            "smp": self.smp,
            "words": self.evidence,
            "looked_up_at": self.looked_up_at.isoformat() if self.looked_up_at else None,
            "cached": self.cached,
        }
