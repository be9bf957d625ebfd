"""An eFaktura provider that keeps what it is given and answers as told."""

from __future__ import annotations

from collections.abc import Iterable

from worker.model.channel import Reach
from worker.ports import Consumer, ConsumerAnswer, ConsumerInvoice, Submission, SubmissionState


class Consumers:
    """`answers`: to the look-ups, one after another, the last one for good. `state`: of whatever is sent."""

    def __init__(self, answers: Iterable[Reach] = (Reach.YES,), state: SubmissionState = SubmissionState.SUBMITTED):
        self._answers = list(answers)
        self._state = state
        self.asked: list[tuple[str, str, Consumer]] = []
        self.sent: list[ConsumerInvoice] = []

    async def lookup(self, *, tenant: str, issuer: str, consumer: Consumer) -> ConsumerAnswer:
        self.asked.append((tenant, issuer, consumer))
        reach = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return ConsumerAnswer(reach, f"said {reach}", "ref-7" if reach is Reach.YES else "")

    async def send(self, *, invoice: ConsumerInvoice) -> Submission:
        self.sent.append(invoice)
        return Submission(self._state, f"vendor-{len(self.sent)}", str(self._state))

    async def status(self, *, tenant: str, key: str) -> Submission | None:
        known = any((invoice.tenant, invoice.key) == (tenant, key) for invoice in self.sent)
        return Submission(self._state, "vendor", str(self._state)) if known else None

    async def aclose(self) -> None:
        pass
