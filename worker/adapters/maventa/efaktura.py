"""Maventa as ports.ConsumerChannel: eFaktura to private persons, over the same line as EHF."""

from __future__ import annotations

from worker.adapters.maventa import translate, wire
from worker.adapters.maventa.connection import MaventaConnection
from worker.model.channel import Reach
from worker.model.outcomes import OutsideError, Refused
from worker.ports import Checked, Consumer, ConsumerAnswer, ConsumerInvoice, Submission
from worker.support.http import HttpResponse


class MaventaConsumerChannel:
    """eFaktura by way of Maventa. `tenant` is the seller's company there, which is also the issuer (utsteder)."""

    def __init__(self, connection: MaventaConnection) -> None:
        self._connection = connection

    async def aclose(self) -> None:
        await self._connection.aclose()

    async def check(self, *, tenant: str) -> Checked:
        """See ports.CheckedConsumerChannel. The issuer's agreement lies with the bank; Maventa does not tell of it."""
        await self._connection.check(tenant=tenant)
        return Checked(
            "the keys open the client's company", unproven="whether the bank has agreed to the client as issuer"
        )

    async def lookup(self, *, tenant: str, issuer: str, consumer: Consumer) -> ConsumerAnswer:
        """See ports.ConsumerChannel. `issuer` follows from the company and is not sent.

        A customer card without a name, or without both e-mail and phone, points at nobody: NO.
        """
        terms = translate.search_terms(consumer)
        asked_by = ", ".join(name for name, _ in terms)
        if not terms:
            return ConsumerAnswer(Reach.NO, "not asked: the customer card has no name, or neither e-mail nor phone")

        def judge(response: HttpResponse) -> ConsumerAnswer:
            if response.status in (401, 403, 429) or response.status >= 500:
                raise translate.not_done(response, what="look-up", changes=False)
            return translate.reach(response, asked_by=asked_by)

        try:
            return await self._connection.read(wire.consumers_path(terms), judge, what="look-up", tenant=tenant)
        except OutsideError as error:
            return translate.unsure(error.message, asked_by=asked_by)

    async def send(self, *, invoice: ConsumerInvoice) -> Submission:
        """See ports.ConsumerChannel. Maventa takes the payment data from the document, not from beside it."""
        if not translate.fit_identifier(invoice.reference):
            raise Refused("submit: no eFaktura identifier to send to; the person must be looked up first")
        return await self._connection.upload(
            wire.consumer_upload(invoice), tenant=invoice.tenant, key=invoice.key, peppol=False
        )

    async def status(self, *, tenant: str, key: str) -> Submission | None:
        """See ports.ConsumerChannel."""
        return await self._connection.find(tenant=tenant, key=key, peppol=False)
