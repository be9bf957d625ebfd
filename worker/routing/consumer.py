"""Whether persons can receive eFaktura: asked once a run each, and not at all once nobody answers."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from worker.model.channel import Reach
from worker.model.party import email_addresses
from worker.ports import Consumer, ConsumerAnswer, ConsumerChannel
from worker.routing.choose import Debtor, RoutingRules

# An unknown answer is asked for again at every run for so long: within the morning, and well before the e-mail the
# debtor gets otherwise would be late (docs/decisions/2026-11-21-an-unknown-consumer-goes-by-e-mail.md).
PATIENCE = timedelta(hours=2)
# Seconds for one question, whatever the provider's own time-outs and repeats: other invoices are behind it.
LONGEST = 20.0
# Unknown answers in a row after which a run asks no more: a silent provider costs that much time each.
SILENT_AFTER = 3


class ConsumerAsker:
    """Asks the provider for one run of one client. `channel` None: no provider is configured."""

    def __init__(self, channel: ConsumerChannel | None, rules: RoutingRules) -> None:
        self._channel = channel
        self._rules = rules
        self._silent = 0

    async def ask(self, debtor: Debtor) -> ConsumerAnswer:
        """The provider's answer; UNKNOWN without asking once it has been silent several times in a row."""
        if self._channel is None:
            return ConsumerAnswer(Reach.UNKNOWN, "no eFaktura provider is configured")
        if self._silent >= SILENT_AFTER:
            return ConsumerAnswer(Reach.UNKNOWN, f"not asked: {SILENT_AFTER} questions before it had no answer")
        emails = email_addresses(debtor.email)
        consumer = Consumer(
            name=debtor.name, address=debtor.postal_address, email=emails[0] if emails else "", phone=debtor.phone
        )
        try:
            async with asyncio.timeout(LONGEST):
                answer = await self._channel.lookup(
                    tenant=self._rules.efaktura_tenant, issuer=self._rules.issuer, consumer=consumer
                )
        except TimeoutError:
            answer = ConsumerAnswer(Reach.UNKNOWN, f"no answer within {LONGEST:.0f} seconds")
        self._silent = self._silent + 1 if answer.reach is Reach.UNKNOWN else 0
        return answer
