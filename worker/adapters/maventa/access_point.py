"""Maventa as ports.AccessPoint."""

from __future__ import annotations

from worker.adapters.maventa import wire
from worker.adapters.maventa.connection import MaventaConnection
from worker.ports import Checked, OutboundDocument, Submission


class MaventaAccessPoint:
    """EHF by way of Maventa. The `tenant` of a document is the seller's company there; its UUID is our key."""

    def __init__(self, connection: MaventaConnection) -> None:
        self._connection = connection

    async def aclose(self) -> None:
        await self._connection.aclose()

    async def check(self, *, sender: str, tenant: str) -> Checked:
        """See ports.CheckedAccessPoint. Which profiles the company has switched on wants another scope than ours."""
        await self._connection.check(tenant=tenant)
        return Checked(
            "the keys open the client's company", unproven="whether sending over Peppol is switched on there"
        )

    async def submit(self, *, document: OutboundDocument) -> Submission:
        """See ports.AccessPoint. A document Maventa already has is answered with what became of it."""
        return await self._connection.upload(
            wire.business_upload(document), tenant=document.tenant, key=document.key, peppol=True
        )

    async def status(self, *, key: str, reference: str = "", tenant: str = "") -> Submission | None:
        """See ports.AccessPoint. Raises TryLater and SlowDown when it cannot be asked, and UnknownOutcome when Maventa
        no longer knows what it has named a reference for."""
        return await self._connection.find(tenant=tenant, key=key, peppol=True, reference=reference)
