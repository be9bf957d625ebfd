"""What Maventa holds beside the EHF it sends on (those are the world's `ehf_submissions`)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime

from worker.sandbox.records import EhfSubmission

_NAMESPACE = uuid.UUID("7f1b0d0e-93d1-4b5e-8f49-2f6f0c4f6a10")


@dataclass(slots=True, kw_only=True)
class ConsumerSubmission:
    """An eFaktura as it was taken: what the person's bank is asked to show and to have paid.

    `plan`: the states still to come, one a status call; the last one stays. `file`: the PDF, under the world's folder.
    """

    key: str
    company: str
    efaktura_id: str
    kid: str
    account: str
    amount: str
    due_date: str
    pdf_sha256: str
    xml_sha256: str
    file: str
    received_at: datetime
    plan: list[str] = field(default_factory=lambda: ["DELIVERED"])
    polls: int = 0

    @property
    def state(self) -> str:
        """The state the next status call will tell."""
        return self.plan[min(self.polls, len(self.plan) - 1)]


@dataclass(slots=True, kw_only=True)
class MaventaState:
    """Companies (id to organisation number), the factor's two keys, and what was taken.

    `owners`: which company each EHF's key belongs to. Counters run down by themselves.
    """

    user_key: str = "sandbox-maventa-user-key"
    vendor_key: str = "sandbox-maventa-vendor-key"
    companies: dict[str, str] = field(default_factory=dict[str, str])
    owners: dict[str, str] = field(default_factory=dict[str, str])
    efaktura: list[ConsumerSubmission] = field(default_factory=list[ConsumerSubmission])
    unauthorized_next: int = 0
    throttle_next: int = 0
    server_error_next: int = 0

    def open_company(self, organisation_number: str) -> str:
        """The seller's company at Maventa, opened if it is not there: what the worker calls ACCESS_POINT_TENANT."""
        company = str(uuid.uuid5(_NAMESPACE, organisation_number))
        self.companies[company] = organisation_number
        return company

    def held(self, key: str, company: str, sent: list[EhfSubmission]) -> EhfSubmission | ConsumerSubmission | None:
        """The invoice with this id, if it is the company's. `sent`: the world's EHF."""
        if self.owners.get(key) == company:
            return next((row for row in sent if row.key == key), None)
        return next((row for row in self.efaktura if row.key == key and row.company == company), None)
