"""Counterparties that never give a word, and a disk that fails: nothing waits unseen, nothing goes on unwatched."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import OperationalError

from tests.support.flow import DAY, Flow, business, person
from worker.model.outcomes import TryLater, UnknownOutcome
from worker.ports import OutboundDocument, Submission, SubmissionState

pytestmark = pytest.mark.anyio


class SilentAccessPoint:
    """Takes a document without a word, and can never be asked."""

    async def submit(self, *, document: OutboundDocument) -> Submission:
        raise UnknownOutcome("submit: no answer")

    async def status(self, *, key: str, reference: str = "", tenant: str = "") -> Submission | None:
        raise TryLater("status: HTTP 401")

    async def aclose(self) -> None:
        """Nothing is held open."""


async def test_what_can_never_be_asked_about_becomes_a_persons_case(house: Flow) -> None:
    house.invoice(5001, business(), reachable=True)
    house.house = replace(house.house, access_point=SilentAccessPoint())
    await house.at(8)
    assert house.deliveries(5001) == [("ehf", "unknown")]
    for day in (1, 2):
        await house.at(8, day=DAY + timedelta(days=day))
    assert house.state(5001) == "delivering", "patience has not run out"
    await house.at(8, day=DAY + timedelta(days=5))
    assert house.state(5001) == "parked: attempts_exhausted"
    assert house.deliveries(5001) == [("ehf", "unknown")], "never sent again blindly"


class FailingAccessPoint:
    """The database fails at the first document; the others take their time."""

    def __init__(self) -> None:
        self.begun = self.ended = 0

    async def submit(self, *, document: OutboundDocument) -> Submission:
        self.begun += 1
        if self.begun == 1:
            raise OperationalError("insert", {}, Exception("database or disk is full"))
        await asyncio.sleep(0.2)
        self.ended += 1
        return Submission(SubmissionState.DELIVERED, document.key, "sent")

    async def status(self, *, key: str, reference: str = "", tenant: str = "") -> Submission | None:
        raise TryLater("not now")

    async def aclose(self) -> None:
        """Nothing is held open."""


async def test_a_step_that_fails_ends_only_when_all_its_calls_have(house: Flow) -> None:
    for number in range(5001, 5005):
        house.invoice(number, business(), reachable=True)
    access_point = FailingAccessPoint()
    house.house = replace(house.house, access_point=access_point)
    house.turn(8)
    summary = await house.job("intake")
    assert summary["failed_steps"] == 1
    assert (access_point.begun, access_point.ended) == (4, 3), "nothing is left in the air behind the step"
    assert sorted(state for n in range(5001, 5005) for _, state in house.deliveries(n)) == [
        "confirmed", "confirmed", "confirmed", "unknown",
    ]  # fmt: skip


async def test_a_document_that_cannot_be_read_just_now_is_sent_later(house: Flow) -> None:
    house.invoice(5001, person(email="ola+greylisted@privat.example"))
    await house.at(8)
    assert house.deliveries(5001) == [("email_link", "ready")]
    sha256 = house.story(5001).invoice.pdf_sha256 or ""
    path = house.folder / "documents" / sha256[:2] / sha256[2:4] / sha256
    aside = path.rename(path.with_suffix(".aside"))
    path.mkdir()  # reading it is an error of the disk, not a missing document
    await house.at(8, 10)
    assert (house.state(5001), house.deliveries(5001)) == ("delivering", [("email_link", "ready")])
    path.rmdir()
    aside.rename(path)
    await house.at(9)
    assert house.deliveries(5001) == [("email_link", "handed_over")]
    assert len(house.mails()) == 1
