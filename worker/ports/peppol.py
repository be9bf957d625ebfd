"""EHF: who can receive it, and the access point that takes it there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from worker.model.channel import ReachAnswer
from worker.model.document import Kind
from worker.model.receiver import Response


class ReachLookup(Protocol):
    """The Peppol look-up (SML and SMP)."""

    async def lookup(self, *, participant: str, kind: Kind) -> ReachAnswer:
        """Whether `participant` ("0192:986252932") can receive this kind now. Never raises: trouble is UNKNOWN."""
        ...


class DebtorReach(Protocol):
    """The look-up with a memory: what may be acted on. Raises for the database only; trouble outside is UNKNOWN.

    NO is said only when it may be acted on: one after a yes has been seen twice, and the breaker is closed.
    """

    async def prepare(self, *, wanted: Iterable[tuple[str, Kind]]) -> None:
        """Before choosing: looks up the run's debtors (participant and kind) together, so that one says no and many
        say no can be told apart."""
        ...

    async def to_route(self, *, participant: str, kind: Kind) -> ReachAnswer:
        """For choosing the channel: a yes of the last 24 hours or a no of the last hour will do."""
        ...

    async def to_send(self, *, participant: str, kind: Kind, routed_at: datetime) -> ReachAnswer:
        """Right before sending: minutes old at most. `routed_at`: when EHF was chosen, so there was a yes then."""
        ...


@dataclass(frozen=True, slots=True)
class OutboundDocument:
    """One document for the access point. `key` is ours, the same on every try: SBDH instance id.

    `sender` is the seller, never the factor; `tenant` is the name the provider knows the seller by (its client file's
    ACCESS_POINT_TENANT), empty where the provider goes by `sender` alone.
    """

    key: str
    kind: Kind
    sender: str
    receiver: str
    document_type_id: str
    process_id: str
    country: str
    xml: bytes
    tenant: str = ""


class SubmissionState(StrEnum):
    """What an access point says of a document. `vendor word unknown to us` is QUEUED plus an alarm, never more."""

    QUEUED = "queued"  # it has it but could not send it yet; it may still give up
    SUBMITTED = "submitted"  # it has taken it over; a receipt may follow
    DELIVERED = "delivered"  # receipt from the receiver's access point
    REFUSED = "refused"  # given up for good


@dataclass(frozen=True, slots=True)
class Submission:
    """The access point's word. `known_word` False: the vendor said something not in our table (raise an alarm).

    `response`: the receiver's word, the newest one, if there is any.
    """

    state: SubmissionState
    vendor_reference: str
    answer: str
    known_word: bool = True
    response: Response | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A piece of news from a provider that tells each once, in a queue. `id` is the provider's own.

    `key` is ours and `reference` the provider's for the document it is about; both empty when it is about none.
    """

    id: str
    key: str
    reference: str
    word: str
    content: str


class NoticeShelf(Protocol):
    """Where news are kept for good before they are taken off the provider's queue."""

    def keep(self, notice: Notice) -> None:
        """Keeping one twice is keeping it once."""
        ...

    def about(self, *, key: str, reference: str) -> list[Notice]:
        """What is kept about the document with this key or, if one is given, this reference; oldest first."""
        ...


class AccessPoint(Protocol):
    """The way into the Peppol network."""

    async def submit(self, *, document: OutboundDocument) -> Submission:
        """Hand the document over. Never call twice for a key without asking `status` in between."""
        ...

    async def status(self, *, key: str, reference: str = "", tenant: str = "") -> Submission | None:
        """What became of it; None when the access point has never seen the key.

        `reference` is the provider's own for it, empty when its answer never came; `tenant` as in OutboundDocument.
        """
        ...

    async def aclose(self) -> None: ...
