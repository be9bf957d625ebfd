"""What the completeness check may find of an invoice that is not in ERP, ledger and store alike. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Lack(StrEnum):
    """Why an invoice is listed. Stored, logged and documented under this word (docs/completeness.md)."""

    NOT_FETCHED = "not_fetched"
    DELIVERED_WITHOUT_US = "delivered_without_us"
    ERP_SAYS_UNDELIVERED = "erp_says_undelivered"
    ERP_SAYS_DELIVERED = "erp_says_delivered"
    NOT_IN_ERP = "not_in_erp"
    ERP_DIFFERS = "erp_differs"
    NOT_REGISTERED = "not_registered"
    CLAIM_DIFFERS = "claim_differs"
    CLAIM_UNREADABLE = "claim_unreadable"
    CLAIM_WITHOUT_INVOICE = "claim_without_invoice"
    UNDERWAY = "underway"
    NOT_POSTED_BACK = "not_posted_back"
    LETTER_NOT_CONFIRMED = "letter_not_confirmed"
    PARKED = "parked"
    WITHDRAWN = "withdrawn"
    MISSING_NUMBER = "missing_number"


@dataclass(frozen=True, slots=True)
class LackFacts:
    """`owner`: who can mend it (client, factor or engineer), or `worker` when it goes on by itself; a parked invoice's
    is that of its reason. `explained`: the worker knows why, and somebody is at it already. `norwegian`: what the daily
    report says."""

    owner: str
    explained: bool
    meaning: str
    remedy: str
    norwegian: str


_L = Lack
LACKS: dict[Lack, LackFacts] = {
    _L.NOT_FETCHED: LackFacts(
        "factor",
        False,
        "the ERP has it waiting for us, and there is no row of it",
        "look for `erp.list_failed` and missed intakes in the log; `job intake` fetches it now",
        "Ligger klar i regnskapssystemet, men er ikke hentet.",
    ),
    _L.DELIVERED_WITHOUT_US: LackFacts(
        "factor",
        False,
        "the ERP says that we have delivered it, and there is no row of it: a backup was put back, or another worker "
        "uses the client's key",
        "find out who delivered it; what was sent lies beside the documents as a mark, and in the ledger folder",
        "Er meldt levert i regnskapssystemet, men finnes ikke hos oss.",
    ),
    _L.ERP_SAYS_UNDELIVERED: LackFacts(
        "factor",
        False,
        "we have told the ERP of its delivery, and the ERP has it waiting still",
        "look in the invoice's history in the ERP: somebody has set it back, or the answer was not true",
        "Er meldt levert av oss, men står fortsatt som ikke levert i regnskapssystemet.",
    ),
    _L.ERP_SAYS_DELIVERED: LackFacts(
        "factor",
        False,
        "the ERP says that it is delivered, and we have not told it so",
        "look in the invoice's history in the ERP for who did; a report whose answer was lost settles itself at the "
        "next follow-up",
        "Står som levert i regnskapssystemet, men er ikke meldt av oss.",
    ),
    _L.NOT_IN_ERP: LackFacts(
        "client",
        False,
        "the ERP lists it neither as waiting nor as delivered: deleted, or no longer for the factor",
        "ask the client what became of it; `withdraw` it when it is not to go out",
        "Finnes ikke lenger blant fakturaene regnskapssystemet har gitt oss.",
    ),
    _L.ERP_DIFFERS: LackFacts(
        "factor",
        False,
        "number or amount in the ERP is no longer what we fetched",
        "ask the client what was changed",
        "Nummer eller beløp i regnskapssystemet er endret etter at vi hentet den.",
    ),
    _L.NOT_REGISTERED: LackFacts(
        "engineer",
        False,
        "it has gone out, and no claim was registered",
        "a fault in this program: report it",
        "Er sendt, men fordringen er ikke registrert.",
    ),
    _L.CLAIM_DIFFERS: LackFacts(
        "factor",
        False,
        "the claim that lies in the ledger folder says something else than we have",
        "compare the file with `invoice show`; never change the file before the factor's system has been asked",
        "Den registrerte fordringen sier noe annet enn fakturaen.",
    ),
    _L.CLAIM_UNREADABLE: LackFacts(
        "factor",
        False,
        "a file in the ledger folder is no registered claim",
        "find out who laid it there",
        "En fil blant de registrerte fordringene kan ikke leses.",
    ),
    _L.CLAIM_WITHOUT_INVOICE: LackFacts(
        "factor",
        False,
        "a claim lies in the ledger folder, and there is no row of its invoice: a backup was put back, or another "
        "worker writes there",
        "see whether the ERP still has it waiting: then the next intake takes it in again; else as above",
        "En fordring er registrert uten at fakturaen finnes hos oss.",
    ),
    _L.UNDERWAY: LackFacts("worker", True, "it is on its way", "nothing: it goes on by itself", "Er på vei."),
    _L.NOT_POSTED_BACK: LackFacts(
        "worker",
        True,
        "it is delivered, and the ERP is not told yet",
        "nothing: it is told at the next report, or tried again",
        "Er levert, men ikke meldt til regnskapssystemet ennå.",
    ),
    _L.LETTER_NOT_CONFIRMED: LackFacts(
        "factor",
        False,
        "the print house, which says so of other letters, has not said that it posted this one in three bank days",
        "ask the print house for the job id in `invoice show`; then `receipts match`, or `resend` when it never came",
        "Brevet er ikke bekreftet sendt av trykkeriet.",
    ),
    _L.PARKED: LackFacts("factor", True, "it is parked", "see its reason", "Venter på at noe blir rettet."),
    _L.WITHDRAWN: LackFacts(
        "factor",
        True,
        "it was withdrawn: handled by hand, with a note",
        "take it off the factor's list in the ERP",
        "Er tatt ut og behandles for hånd.",
    ),
    _L.MISSING_NUMBER: LackFacts(
        "client",
        True,
        "no invoice with this number has been seen; a hint only: the ERP may hold invoices that are not the factor's",
        "ask the client when many are missing",
        "Nummer vi ikke har sett. Det trenger ikke være feil.",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One invoice that is not in all three alike, or a claim or number without an invoice.

    `since`: from when it has been so, as far as that is known. `invoice`: our id, when there is a row. `detail`: in
    words, without personal data.
    """

    lack: Lack
    explained: bool
    owner: str
    number: str = ""
    erp_id: str = ""
    invoice: int | None = None
    since: datetime | None = None
    reason: str = ""
    detail: str = ""


class WhyUnchecked(StrEnum):
    """Why a client's invoices are held against nothing."""

    FILE_UNUSABLE = "file_unusable"
    FILE_GONE = "file_gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotChecked:
    """A client that cannot be checked: its ERP is reached with what stands in its file. `not_done`: how many of its
    invoices are neither told to the ERP nor withdrawn."""

    client: str
    why: WhyUnchecked
    not_done: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """What a check came to. `finished` False: ERP or ledger could not be read to the end, so nothing may be concluded
    from what is absent. `compared`: how many are in all three alike."""

    finished: bool
    compared: int
    findings: tuple[Finding, ...]

    @property
    def unexplained(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if not finding.explained)

    @property
    def explained(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.explained)
