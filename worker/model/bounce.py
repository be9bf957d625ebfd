"""What a mail server, or somebody's mail program, says about a mail of ours."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class ReportKind(StrEnum):
    """What a message in the bounce mailbox is. What has become of the mail decides, not the class of the status code:
    a server that has given up after days of 4.2.2 has given up."""

    FAILED = "failed"  # given up, for at least one recipient
    DELAYED = "delayed"  # still being tried
    DELIVERED = "delivered"  # a receipt nobody asked for
    AUTO_REPLY = "auto_reply"  # out of office and the like
    OTHER = "other"  # no report: somebody has written to the address, or it is spam
    UNREADABLE = "unreadable"  # a report, or built to break who reads it; not looked into


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientReport:
    """One recipient's fate. `addresses`: as the mail was sent, and where it ended, in small letters. `status`: RFC 3463
    (`5.1.1`), or a plain reply code, or nothing. `words`: the other side's, without addresses."""

    addresses: tuple[str, ...] = field(repr=False)
    kind: ReportKind
    status: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailReport:
    """A message of the bounce mailbox, read. `fingerprint` is the same for a copy of it. `addressed_to`: every address
    it was delivered under. `message_ids`: of the mail it is about, as far as it says. `uid`: where it lay."""

    uid: str
    fingerprint: str
    kind: ReportKind
    addressed_to: tuple[str, ...] = field(default=(), repr=False)
    message_ids: tuple[str, ...] = field(default=(), repr=False)
    recipients: tuple[RecipientReport, ...] = ()
    arrived_at: datetime | None = None

    @property
    def worst(self) -> RecipientReport | None:
        """The recipient report the whole one is named after."""
        return next((one for one in self.recipients if one.kind is self.kind), None)


class Waits(StrEnum):
    """Why a message of the bounce mailbox waits for a person (docs/operating.md)."""

    NOT_A_REPORT = "not_a_report"
    UNREADABLE = "unreadable"
    FORGED = "forged"
    NOT_OURS = "not_ours"
    CONTRADICTORY = "contradictory"
    WHICH_RECIPIENT = "which_recipient"


WAITS: dict[str, str] = {
    Waits.NOT_A_REPORT: "no bounce: somebody has written to the address",
    Waits.UNREADABLE: "a report in a form nobody knows, or a hostile one; it was not looked into",
    Waits.FORGED: "its return path is made like ours, but we have not made it",
    Waits.NOT_OURS: "it names no mail of ours",
    Waits.CONTRADICTORY: "it names two mails of ours",
    Waits.WHICH_RECIPIENT: "the mail had several recipients, and it names one of whom we know nothing",
}
